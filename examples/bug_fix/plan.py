"""Fix the failing test of a small library: try candidates until the tests pass."""

# Start from a fresh clone with one failing test
repo = await prepare_repository("shelf")
before = await run_tests(repo["name"])
print(f"{before['failed']} of {before['total']} tests fail: {', '.join(before['failing'])}")

if before["failed"] == 0:
    return {"fixed": False, "reason": "nothing to fix"}

locations = await find_suspects(repo["name"], before["failing"])
tried = 0
fix = None

for location in locations:
    candidates = await propose_fixes(repo["name"], location["file"], location["line"])
    for candidate in candidates:
        tried += 1
        outcome = await try_fix(repo["name"], candidate)
        if outcome["failed"] == 0:
            # The first candidate that passes everything wins
            fix = await apply_fix(repo["name"], candidate, message=f"Fix {location['function']}")
            break
    else:
        print(f"nothing works at {location['file']}:{location['line']}")
        continue
    break

if fix is None:
    return {"fixed": False, "reason": f"none of {tried} candidates passes"}

# Validate on what was really committed
after = await run_tests(repo["name"])
assert after["failed"] == 0, "the committed fix does not pass"

return {
    "fixed": True,
    "file": fix["file"],
    "line": fix["line"],
    "old": fix["old"],
    "new": fix["new"],
    "tried": tried,
    "tests": after["total"],
    "commits": fix["commits"],
}
