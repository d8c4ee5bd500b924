"""Look at one customer from three sides, raise an alert where it is needed, and write a report."""
import asyncio
from datetime import date


def days_between(start: str, end: str) -> int:
    return (date.fromisoformat(end) - date.fromisoformat(start)).days


async def main():
    customer_id = "C-1042"
    today = "2025-09-30"

    # The three lookups do not depend on each other
    profile, orders, tickets = await asyncio.gather(
        get_profile(customer_id),
        get_orders(customer_id),
        get_support_tickets(customer_id),
    )

    # How have things been going lately?
    recent = [o for o in orders if days_between(o["date"], today) <= 90]
    earlier = [o for o in orders if 90 < days_between(o["date"], today) <= 180]
    recent_total = sum(o["total"] for o in recent)
    earlier_total = sum(o["total"] for o in earlier)
    drop = 1 - recent_total / earlier_total if earlier_total else 0.0

    open_tickets = [t for t in tickets if t["state"] == "open"]
    severe = [t for t in open_tickets if t["severity"] >= 4]

    alert = None
    case = None
    # Only worry if the orders fall *and* support has something open
    if drop > 0.3 and open_tickets:
        level = "critical" if drop > 0.6 and severe else "warning"
        alert = create_alert(customer_id, level, f"orders fell by {drop:.0%}, {len(open_tickets)} tickets open")
        if alert["level"] == "critical":
            # A human has to call this customer
            case = escalate_to_manager(customer_id, profile["manager"], [t["id"] for t in severe])

    # Write it down
    report = write_report(
        customer_id,
        {
            "name": profile["name"],
            "segment": profile["segment"],
            "recent_total": recent_total,
            "earlier_total": earlier_total,
            "open_tickets": len(open_tickets),
            "alert": alert and alert["level"],
            "manager": case and case["manager"],
        },
    )
    print(f"{profile['name']}: {report['status']} ({report['lines']} lines)")
    return report


asyncio.run(main())
