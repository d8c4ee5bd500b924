"""Which engineers spent more on travel in Q3 than their budget allows?"""
import asyncio

QUARTER = "Q3"

# Find everybody in the department
team = await get_team_members("engineering")
print(f"Checking {len(team)} people")

# Budgets depend on the level only, so ask once for each level
levels = list({member["level"] for member in team})
limits = await asyncio.gather(*[get_budget_by_level(level) for level in levels])
budgets = dict(zip(levels, limits))

# Fetch everybody's expenses in parallel
expenses = await asyncio.gather(*[get_expenses(member["id"], QUARTER) for member in team])

# Compare what was approved with the budget
over_budget = []
for member, lines in zip(team, expenses):
    spent = sum(line["amount"] for line in lines if line["status"] == "approved")
    limit = budgets[member["level"]]["travel_limit"]
    if spent > limit:
        over_budget.append({
            "name": member["name"],
            "spent": round(spent, 2),
            "limit": limit,
            "over_by": round(spent - limit, 2),
        })

over_budget.sort(key=lambda row: row["over_by"], reverse=True)
for row in over_budget:
    print(f"{row['name']:<16} {row['spent']:>10,.2f} of {row['limit']:>8,}  (+{row['over_by']:,.2f})")

{"checked": len(team), "lines": sum(map(len, expenses)), "over_budget": over_budget}
