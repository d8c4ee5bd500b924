import asyncio
import math


async def check_transaction(transaction_id: str):
    """Decide what to do with one card transaction."""
    tx = await get_transaction(transaction_id)

    # Everything that we know about the people and things involved
    account, history, device, merchant, watchlist = await asyncio.gather(
        get_account(tx["account"]),
        get_history(tx["account"], limit=50),
        get_device(tx["device"]),
        get_merchant(tx["merchant"]),
        search_watchlist(tx["beneficiary"]),
    )

    # A quick score from simple rules
    amounts = [h["amount"] for h in history]
    mean = sum(amounts) / len(amounts) if amounts else 0.0
    deviation = math.sqrt(sum((a - mean) ** 2 for a in amounts) / len(amounts)) if amounts else 1.0
    score = 0
    score += 2 if tx["amount"] > mean + 3 * deviation else 0
    score += 2 if device["first_seen_days"] < 2 else 0
    score += 1 if merchant["country"] != account["country"] else 0
    score += 3 if watchlist else 0

    features = {
        "amount_ratio": tx["amount"] / max(mean, 1.0),
        "device_age": device["first_seen_days"],
        "merchant_risk": merchant["risk"],
        "watchlist_hits": len(watchlist),
    }
    # The big model only when the rules are not sure
    model = score_with_large_model if 2 <= score < 6 else score_with_small_model
    verdict = await model(features)
    print(f"{transaction_id}: rules {score}, {verdict['model']} model says {verdict['risk']:.3f}")

    actions = []
    if verdict["risk"] > 0.5:
        # First level: hold the money and open a case
        case = await open_case(transaction_id, verdict["risk"])
        actions.append(f"case {case['id']}")
        if verdict["risk"] > 0.8 or watchlist:
            # Second level: freeze the account and tell the officer on duty
            freeze = freeze_account(tx["account"], case["id"])
            officer = notify_officer(case_id=case["id"], names=[w["name"] for w in watchlist])
            actions += [f"frozen {freeze['account']}", f"told {officer['name']}"]

    return {"transaction": transaction_id, "rules": score, **verdict, "actions": actions}
