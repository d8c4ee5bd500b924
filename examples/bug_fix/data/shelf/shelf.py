"""A shelf of books: ordering, paging and late fees."""


def sort_titles(titles):
    ignored = ("the ", "a ", "an ")

    def key(title):
        lowered = title.lower()
        for article in ignored:
            if lowered.startswith(article):
                return lowered[len(article) :]
        return lowered

    return sorted(titles, key=key)


def count_pages(items, size):
    full, rest = divmod(items, size)
    return full + (1 if rest > 0 else 0)


def page(items, number, size):
    if number < 1 or number >= count_pages(len(items), size):
        raise IndexError(f"no page {number}")
    start = (number - 1) * size
    return items[start : start + size]


def late_fee(days, per_day=25, limit=500):
    if days <= 0:
        return 0
    return min(days * per_day, limit)
