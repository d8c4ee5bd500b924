# ruff: noqa: PT009, PT027
import unittest

from shelf import count_pages, late_fee, page, sort_titles


class ShelfTest(unittest.TestCase):
    def test_articles_do_not_count(self):
        self.assertEqual(sort_titles(["The Zoo", "An Ape", "Bear"]), ["An Ape", "Bear", "The Zoo"])

    def test_pages_are_rounded_up(self):
        self.assertEqual([count_pages(n, 10) for n in (0, 1, 10, 11)], [0, 1, 1, 2])

    def test_first_page(self):
        self.assertEqual(page(list("abcdefg"), 1, 3), list("abc"))

    def test_last_page_is_short(self):
        self.assertEqual(page(list("abcdefg"), 3, 3), ["g"])

    def test_no_page_after_the_last(self):
        with self.assertRaises(IndexError):
            page(list("abcdefg"), 4, 3)

    def test_no_page_zero(self):
        with self.assertRaises(IndexError):
            page(list("abcdefg"), 0, 3)

    def test_fee_has_a_limit(self):
        self.assertEqual([late_fee(d) for d in (0, 1, 3, 100)], [0, 25, 75, 500])


if __name__ == "__main__":
    unittest.main()
