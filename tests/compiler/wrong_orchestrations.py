"""Orchestrations that are wrong in the ways in which generated code is wrong, and what the compiler says of each.

A comment `# error: code` stands on each line that is to be reported; nothing else must be. `error before 3.12` says that
later versions of Python take the line.
"""

from __future__ import annotations

WRONG: dict[str, str] = {
    # -- tools ---------------------------------------------------------------------------------------------------------
    "a tool imported from a module of its own": """
from tools import get_user  # error: refused-import
user = await get_user("u1")
""",
    "a typo in a tool": """
user = await get_usr("u1")  # error: unknown-tool
""",
    "a tool by another style of name": """
user = await getUser("u1")  # error: unknown-tool
""",
    "a tool as an attribute": """
user = await tools.get_user("u1")  # error: unknown-name
""",
    "an invented tool": """
report = await generate_pdf_report("u1")  # error: unknown-tool
""",
    "a wrong argument": """
orders = await list_orders(user="u1")  # error: wrong-argument
""",
    "an invented argument": """
orders = await list_orders("u1", limit=5, sort="date")  # error: wrong-argument
""",
    "a missing argument": """
await send_email("u1@example.org")  # error: missing-argument
""",
    "too many arguments": """
user = await get_user("u1", True)  # error: too-many-arguments
""",
    "one argument twice": """
user = await get_user("u1", user_id="u1")  # error: repeated-argument
""",
    "a dict where named arguments belong": """
user = await get_user({"user_id": "u1"})  # error: bad-literal
""",
    "a number as text": """
orders = await list_orders("u1", limit="ten")  # error: bad-literal
""",
    "None where a text belongs": """
await send_email(None, "Hello")  # error: bad-literal
""",
    "a typo inside an f-string": """
user = await get_user("u1")
print(f"Hello {usr['name']}")  # error: unknown-name
""",
    "several wrong calls at once": """
user = await get_user(id="u1")  # error: wrong-argument
orders = await list_orders(user["id"], max=10)  # error: wrong-argument
await send_mail(user["email"], "Orders", str(orders))  # error: unknown-tool
""",
    "a wrong call inside a gather": """
import asyncio
users = await asyncio.gather(*[get_user(uid=u) for u in ["a", "b"]])  # error: wrong-argument
""",
    # -- names ---------------------------------------------------------------------------------------------------------
    "a name that nothing defines": """
user = await get_user("u1")
print(result)  # error: unknown-name
""",
    "a typo in a function of its own": """
async def summarize(user_id):
    return await get_user(user_id)

print(await summarise("u1"))  # error: unknown-tool
""",
    "a typo in a builtin": """
orders = await list_orders("u1")
print(lenght(orders))  # error: unknown-tool
""",
    "JSON's words": """
user = await get_user("u1")
flags = {"active": true, "deleted": false, "manager": null}  # error: unknown-name, unknown-name, unknown-name
""",
    "a loop variable in another function": """
async def main():
    for user_id in ["a", "b"]:
        await show()

async def show():
    print(await get_user(user_id))  # error: unknown-name

await main()
""",
    "self outside of a class": """
async def load():
    return await self.get_user("u1")  # error: unknown-name

await load()
""",
    # -- modules -------------------------------------------------------------------------------------------------------
    "requests": """
import requests  # error: refused-import
data = requests.get("https://example.org").json()
""",
    "httpx, asynchronously": """
import httpx  # error: refused-import

async def main():
    async with httpx.AsyncClient() as client:
        return await client.get("https://example.org")

await main()
""",
    "os.environ": """
import os  # error: refused-import
key = os.environ["API_KEY"]
""",
    "subprocess": """
import subprocess  # error: refused-import
print(subprocess.run(["ls"], capture_output=True).stdout)
""",
    "pathlib": """
from pathlib import Path  # error: refused-import
text = Path("notes.txt").read_text()
""",
    "pandas": """
import pandas as pd  # error: refused-import
frame = pd.DataFrame(await list_orders("u1"))
print(frame.describe())
""",
    "numpy": """
import numpy as np  # error: refused-import
print(np.mean([1, 2]))
""",
    "threads": """
from concurrent.futures import ThreadPoolExecutor  # error: refused-import
import threading  # error: refused-import
with ThreadPoolExecutor() as pool:
    pool.map(print, [1])
""",
    "a module without its import": """
key = os.environ["API_KEY"]  # error: unknown-name
""",
    "a name that a module does not have": """
from asyncio import Barrier  # error: refused-import-name
""",
    "a typo in a module's function": """
import json
print(json.dump_s({"a": 1}))  # error: refused-import-name
""",
    "a typo in asyncio": """
import asyncio
users = await asyncio.gahter(get_user("a"), get_user("b"))  # error: refused-import-name
""",
    "a process of asyncio": """
import asyncio

async def main():
    process = await asyncio.create_subprocess_exec("ls")  # error: refused-import-name
    await process.wait()

await main()
""",
    "import star": """
from math import *  # error: star-import
print(sqrt(2))
""",
    "a relative import": """
from .helpers import clean  # error: relative-import
print(clean("a"))
""",
    # -- the world -----------------------------------------------------------------------------------------------------
    "open": """
with open("report.csv") as file:  # error: refused-builtin
    rows = file.readlines()
""",
    "input": """
name = input("Which user? ")  # error: refused-builtin
print(await get_user(name))
""",
    "eval": """
total = eval("1 + 1")  # error: refused-builtin
""",
    "exec": """
exec("x = 1")  # error: refused-builtin
""",
    "globals": """
print(globals()["get_user"])  # error: refused-builtin
""",
    "dynamic import": """
np = __import__("numpy")  # error: refused-builtin
""",
    "the way out of the sandbox": """
print(().__class__.__base__.__subclasses__())  # error: refused-attribute, refused-attribute
""",
    "time.sleep": """
import time
user = await get_user("u1")
time.sleep(5)  # error: refused-import-name
""",
    # -- asynchrony ----------------------------------------------------------------------------------------------------
    "await in a plain function": """
def load(user_id):
    return await get_user(user_id)  # error: await-in-sync

print(load("u1"))
""",
    "await in a lambda": """
load = lambda user_id: await get_user(user_id)  # error: await-in-sync
""",
    "async for in a plain function": """
def load(pages):
    async for page in pages:  # error: await-in-sync
        print(page)
""",
    "async with in a plain function": """
import asyncio

def load():
    async with asyncio.timeout(5):  # error: await-in-sync
        pass

load()
""",
    "a forgotten await of its own function": """
async def load(user_id):
    return await get_user(user_id)

async def main():
    user = load("u1")  # error: never-awaited
    print(user["name"])

await main()
""",
    "a main that nobody awaits": """
async def main():
    print(await get_user("u1"))

main()  # error: never-awaited
""",
    "a call that is used both ways": """
import asyncio

call = get_user("u1")  # error: ambiguous-coroutine
print(call["name"])
users = await asyncio.gather(call)
""",
    "a step in a sort key": """
users = ["b", "a"]
users.sort(key=lambda u: get_user(u)["age"])  # error: effectful-lambda
""",
    "a tool as a sort key": """
users = sorted(["b", "a"], key=get_user)  # error: effectful-callback
""",
    "a step in map over a function of its own": """
def load(user_id):
    return get_user(user_id)["name"]

print(list(map(load, ["a", "b"])))  # error: effectful-callback
""",
    "several functions and no start": """
async def first():  # error: several-entries
    await get_user("a")

async def second():
    await get_user("b")
""",
    "functions that call each other": """
async def first():  # error: no-entry
    await second()

async def second():
    await first()
""",
    "reading from standard input": """
import sys
lines = sys.stdin.read()  # error: refused-import-name
""",
    "an f-string with the same quotes inside": """
user = await get_user("u1")
print(f"Hello {user["name"]}")  # error before 3.12: syntax-error
""",
    "a ternary of another language": """
user = await get_user("u1")
name = user ? user["name"] : "nobody"  # error: syntax-error
""",
    "a function of another language": """
async function main() {  # error: syntax-error
}
""",
    "a tool's name as a keyword argument's typo in a nested call": """
await send_email(to="a", text=str(await list_orders(user_id="u1", limits=3)))  # error: wrong-argument
""",
    "a private tool": """
await delete_user("u1")  # error: tool-not-for-code
""",
    "undefined": """
user = await get_user("u1")
if user == undefined:  # error: unknown-name
    print("none")
""",
    "a reserved name": """
__weft_x = 1  # error: reserved-name
""",
    "breakpoint": """
user = await get_user("u1")
breakpoint()  # error: refused-builtin
""",
    # -- text ----------------------------------------------------------------------------------------------------------
    "a Markdown fence around it": """
```python  # error: syntax-error
user = await get_user("u1")
```
""",
    "a sentence before it": """
Here is the orchestration:  # error: syntax-error

user = await get_user("u1")
""",
    "typographic quotes": """
user = await get_user(\u201cu1\u201d)  # error: syntax-error
""",
    "a dash of typography": """
total = 5 \u2013 3  # error: syntax-error
""",
    "a no-break space": """
user\u00a0= 5  # error: syntax-error
""",
    "an unterminated string": """
name = "u1  # error: syntax-error
user = await get_user(name)
""",
    "an unterminated triple-quoted string": '''
text = """Dear user,  # error: syntax-error
await send_email("a", "b", text)
''',
    "an open bracket": """
users = [await get_user("a"),  # error: syntax-error
print(users)
""",
    "a bracket that does not match": """
users = [await get_user("a"))  # error: syntax-error
""",
    "print as a statement": """
print "hello"  # error: syntax-error
""",
    "a missing colon": """
for user in ["a", "b"]  # error: syntax-error
    print(user)
""",
    "an assignment in a condition": """
user = await get_user("u1")
if user = None:  # error: syntax-error
    print("no user")
""",
    "tabs and spaces": """
if True:
    x = 1
\ty = 2  # error: syntax-error
""",
    "a missing indentation": """
async def main():
return await get_user("u1")  # error: syntax-error
""",
    "an ellipsis in an argument list": """
user = await get_user("u1", ...)  # error: too-many-arguments
""",
    "JavaScript": """
const user = await get_user("u1");  # error: syntax-error
""",
    "JavaScript's arrow": """
names = list(map(u => u.name, users))  # error: syntax-error
""",
    "JavaScript's logic": """
user = await get_user("u1")
if user["age"] > 18 && user["active"]:  # error: syntax-error
    print("adult")
""",
    "an increment": """
count = 0
count++  # error: syntax-error
""",
    "else if": """
x = 1
if x == 1:
    print("one")
else if x == 2:  # error: syntax-error
    print("two")
""",
    "a keyword as a name": """
class = await get_user("u1")  # error: syntax-error
""",
    "an argument after a keyword": """
await send_email(to="a", "Hello", "Text")  # error: syntax-error
""",
    "return with yield's mistake": """
def numbers():
    yield = 1  # error: syntax-error
""",
    "break outside of a loop": """
if await get_user("u1"):
    break  # error: syntax-error
""",
    "except without try": """
user = await get_user("u1")
except ValueError:  # error: syntax-error
    pass
""",
    "a name that is global too late": """
count = 0

def add():
    count += 1
    global count  # error: syntax-error

add()
""",
    "Python 2's except": """
try:
    user = await get_user("u1")
except ValueError, e:  # error: syntax-error
    print(e)
""",
    "a diff": """
user = await get_user("u1")
- print(user)
+ print(user["name"])
@@ -1,2 +1,2 @@  # error: syntax-error
""",
    # -- classes -------------------------------------------------------------------------------------------------------
    "a metaclass": """
class Registry(type):
    pass

class Job(metaclass=Registry):  # error: metaclass
    pass
""",
    "a finaliser": """
class Session:
    def __del__(self):  # error: refused-method
        print("closed")
""",
}
