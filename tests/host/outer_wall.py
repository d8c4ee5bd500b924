"""What code in a host is not able to do, with all of Python and no guard: attempts by class. Data, and nothing that runs here.

Each is Python that a host executes as it stands; it must end in an error of the operating system, or in an assertion of its own that
holds. `RAW` are system calls by number, which no library stands in front of.
"""

from __future__ import annotations

#: Class -> what is attempted -> the code.
ATTEMPTS: dict[str, dict[str, str]] = {
    "files": {
        "read a file": "open('/etc/hostname')",
        "read a file by a low-level call": "import os; os.open('/etc/passwd', os.O_RDONLY)",
        "read the program's own code": "import os; open(os.__file__)",
        "write a file": "open('/tmp/weft-host-was-here', 'w')",
        "write where everyone may": "import os; os.open('/dev/shm/weft-host-was-here', os.O_CREAT | os.O_WRONLY)",
        "a temporary file": "import tempfile; tempfile.TemporaryFile()",
        "a file without a name": "import os; os.memfd_create('x')",
        "list a folder": "import os; os.listdir('/')",
        "look at a file": "import os; os.stat('/')",
        "make a folder": "import os; os.mkdir('/tmp/weft-host-was-here')",
        "remove a file": "import os; os.remove('/tmp/weft-host-was-here')",
        "rename a file": "import os; os.rename('/tmp/a', '/tmp/weft-host-was-here')",
        "link a file": "import os; os.symlink('/etc/passwd', '/tmp/weft-host-was-here')",
        "change directory": "import os; os.chdir('/')",
        "change the root": "import os; os.chroot('/tmp')",
        "make a pipe with a name": "import os; os.mkfifo('/tmp/weft-host-was-here')",
        "import what is not loaded": "import antigravity",
        "map a file": "import mmap; mmap.mmap(open('/etc/passwd').fileno(), 0)",
        "a database": "import sqlite3; sqlite3.connect('/tmp/weft-host-was-here').execute('create table t (x)')",
    },
    "network": {
        "a socket": "import socket; socket.socket()",
        "a socket of this computer": "import socket; socket.socket(socket.AF_UNIX)",
        "a pair of sockets": "import socket; socket.socketpair()",
        "the name of a computer": "import socket; socket.getaddrinfo('example.org', 80)",
        "a connection": "import socket; socket.create_connection(('127.0.0.1', 80), 1)",
        "a server": "import socket; socket.create_server(('127.0.0.1', 0))",
        "a request": "import urllib.request; urllib.request.urlopen('http://127.0.0.1/', timeout=1)",
        "a pipe": "import os; os.pipe()",
    },
    "processes": {
        "fork": "import os; os.fork()",
        "fork with a terminal": "import pty; pty.fork()",
        "run a program": "import os; os.posix_spawn('/bin/true', ['true'], {})",
        "run a program by subprocess": "import subprocess; subprocess.run(['/bin/true'])",
        "run a shell": "import os; status = os.system('true'); assert status != 0; raise PermissionError('refused')",
        "become a program": "import os; os.execv('/bin/true', ['true'])",
        "start a thread": "import threading; threading.Thread(target=print).start()",
        "a pool of processes": "import multiprocessing; multiprocessing.Pool(1)",
        "signal the worker": "import os; os.kill(os.getppid(), 0)",
        "end the worker": "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
        "signal everyone": "import os; os.kill(-1, 0)",
        "signal its group": "import os; os.killpg(0, 0)",
        "signal itself": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "be nicer than allowed": "import os; os.setpriority(os.PRIO_PROCESS, os.getppid(), 5)",
        "wait for others": "import os; os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)",
    },
    "secrets": {
        "its own environment file": "open('/proc/self/environ').read()",
        "the worker's environment file": "import os; open(f'/proc/{os.getppid()}/environ').read()",
        "the worker's memory": "import os; open(f'/proc/{os.getppid()}/mem', 'rb')",
        "its own memory by a file": "open('/proc/self/mem', 'rb')",
        "its own command line": "open('/proc/self/cmdline').read()",
        "the worker's open files": "import os; os.listdir(f'/proc/{os.getppid()}/fd')",
        "a descriptor twice": "import os; os.dup(0)",
        "the home folder": "import os; os.listdir('/home')",
        "its users": "import pwd; open('/etc/shadow')",
    },
    "limits": {
        "more open files": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))",
        "larger files": "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))",
        "more memory": "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        "memory as code": "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
        "another user": "import os; os.setuid(0)",
        "another session": "import os; os.setsid()",
        "another processor": "import os; os.sched_setaffinity(0, {0})",
    },
}

#: System calls that have these numbers on every architecture that came after them.
_EVERYWHERE = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "pidfd_open": 434,
    "clone3": 435,
    "openat2": 437,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "landlock_create_ruleset": 444,
    "memfd_secret": 447,
}
#: System call -> number, by processor.
RAW: dict[str, dict[str, int]] = {
    "x86_64": {
        "open": 2, "creat": 85, "openat": 257, "socket": 41, "connect": 42, "bind": 49, "socketpair": 53, "sendmsg": 46, "recvmsg": 47,
        "fork": 57, "vfork": 58, "clone": 56, "execve": 59, "execveat": 322, "kill": 62, "tkill": 200, "ptrace": 101, "prctl": 157,
        "arch_prctl": 158, "process_vm_readv": 310, "process_vm_writev": 311, "memfd_create": 319, "shmget": 29, "shmat": 30, "semget": 64,
        "msgget": 68, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308, "bpf": 321,
        "perf_event_open": 298, "keyctl": 250, "add_key": 248, "userfaultfd": 323, "inotify_init": 253, "eventfd2": 290,
        "timerfd_create": 283, "signalfd4": 289, "epoll_create1": 291, "dup2": 33, "pipe2": 293, "ioctl": 16, "splice": 275, "tee": 276,
        "sendfile": 40, "name_to_handle_at": 303, "open_by_handle_at": 304, "seccomp": 317, "setrlimit": 160, "prlimit64": 302,
        "setuid": 105, "capset": 126, "reboot": 169, "init_module": 175, "kexec_load": 246, "swapon": 167, "sethostname": 170,
        "settimeofday": 164, "quotactl": 179, "personality": 135, "syslog": 103, "acct": 163, "iopl": 172, "modify_ldt": 154,
        "remap_file_pages": 216, "truncate": 76, "ftruncate": 77, "fallocate": 285, "fchmod": 91, "kcmp": 312, **_EVERYWHERE,
    },
    "aarch64": {
        "openat": 56, "socket": 198, "connect": 203, "bind": 200, "socketpair": 199, "sendmsg": 211, "recvmsg": 212, "clone": 220,
        "execve": 221, "execveat": 281, "kill": 129, "tkill": 130, "ptrace": 117, "prctl": 167, "process_vm_readv": 270,
        "process_vm_writev": 271, "memfd_create": 279, "shmget": 194, "mount": 40, "chroot": 51, "unshare": 97, "setns": 268, "bpf": 280,
        "perf_event_open": 241, "keyctl": 219, "userfaultfd": 282, "dup3": 24, "pipe2": 59, "ioctl": 29, "splice": 76, "seccomp": 277,
        "prlimit64": 261, "setuid": 146, "truncate": 45, "ftruncate": 46, "capset": 91, "reboot": 142, "name_to_handle_at": 264, "open_by_handle_at": 265, **_EVERYWHERE,
    },
}  # fmt: skip
