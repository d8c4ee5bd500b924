"""Rank stocks by momentum and value."""

TICKERS = ["ALDR", "BRKW", "CNTO", "DRFT", "ELMS", "FYRN"]

scores = {}
for ticker in TICKERS:
    # Get prices, then fundamentals, for each ticker
    prices = await get_prices(ticker)
    fundamentals = await get_fundamentals(ticker)

    momentum = prices[-1] / prices[0] - 1
    earnings_yield = fundamentals["earnings"] / prices[-1]
    debt_penalty = 0.05 if fundamentals["debt_ratio"] > 0.6 else 0.0
    scores[ticker] = round(0.6 * momentum + 0.4 * earnings_yield - debt_penalty, 4)

ranking = sorted(scores.items(), key=lambda kv: kv[1], reverse=True)

for place, (ticker, score) in enumerate(ranking, start=1):
    print(f"{place}. {ticker} {score:+.4f}")

best, worst = ranking[0][0], ranking[-1][0]
result = {"ranking": [t for t, _ in ranking], "best": best, "worst": worst, "scores": scores}
