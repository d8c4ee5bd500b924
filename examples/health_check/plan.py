import asyncio
import json
from collections import Counter


async def check_all(names, fresh=False):
    """Check every service at once; a failing check must not hide the others."""
    results = await asyncio.gather(*(check_endpoint(name, fresh=fresh) for name in names), return_exceptions=True)
    checks = []
    for name, result in zip(names, results):
        if isinstance(result, Exception):
            checks.append({"name": name, "state": "unreachable", "detail": str(result)})
        else:
            checks.append(result)
    return checks


async def main():
    fleet = await start_fleet(50)
    try:
        checks = await check_all(fleet["names"])

        # Look a second time at whatever does not look healthy
        suspicious = [c["name"] for c in checks if c["state"] != "healthy"]
        again = {c["name"]: c for c in await check_all(suspicious, fresh=True)}
        final = [again.get(c["name"], c) for c in checks]

        states = Counter(c["state"] for c in final)
        return json.dumps(
            {
                "services": len(final),
                "states": dict(sorted(states.items())),
                "recovered": sorted(n for n, c in again.items() if c["state"] == "healthy"),
                "down": sorted(c["name"] for c in final if c["state"] == "unreachable"),
            },
            indent=2,
        )
    finally:
        await stop_fleet()


if __name__ == "__main__":
    print(asyncio.run(main()))
