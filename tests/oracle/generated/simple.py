"""Simple statements of random programs: assignments of every form, aliases, changes in place, output."""

from __future__ import annotations

from collections.abc import Callable

from tests.oracle.generated.values import Values
from tests.oracle.generated.writer import LISTS, NUMBERS, Lines


class Simple(Values):
    def simple(self) -> Lines:
        options: list[tuple[int, Callable[[], Lines]]] = [
            (8, self.assignment),
            (4, self.augmented),
            (3, self.item),
            (4, self.grown),
            (3, self.replaced_list),
            (2, self.cut_list),
            (2, self.alias),
            (4, self.output),
            (3, self.logged),
            (3, self.unpacking),
            (2, self.changed_dict),
            (2, self.changed_set),
            (2, self.new_text),
            (1, self.deleted),
            (3 if self.classes else 0, self.made_object),
            (3 if self.scope.objects else 0, self.changed_object),
            (1, self.record),
        ]
        return self.one_of(*options)

    def assignment(self) -> Lines:
        name, value = self.choose(*NUMBERS), self.number(3)
        return [
            self.choose(f"{name} = {value}", f"{name} = {value}", f"{name} = xs[:1] = [{value}]; {name} = {name}[0]")
        ]

    def augmented(self) -> Lines:
        operator = self.choose("+", "-", "*", "^", "|")
        name = self.choose(*NUMBERS)
        return [f"{name} {operator}= {self.number(2)}", f"{name} %= 50"]

    def item(self) -> Lines:
        return [f"d[{self.number(1)}] {self.choose('=', '=', '+=')} {self.number(2)} % 50"]

    def grown(self) -> Lines:
        name = self.choose(*LISTS)
        number = self.number(2)
        how = self.choose(f"append({number})", f"insert(0, {number})", f"extend([{number}, {self.atom()}])")
        return [f"{name}.{how}", self.choose(f"del {name}[:-4]", f"{name}[:] = {name}[-4:]", f"{name} = {name}[-4:]")]

    def replaced_list(self) -> Lines:
        name, value = self.choose(*LISTS), self.numbers(2)
        return [self.choose(f"{name} = {value}", f"{name}[:] = {value}", f"{name} = list({value})"), f"del {name}[5:]"]

    def cut_list(self) -> Lines:
        name = self.choose(*LISTS)
        return [
            self.choose(
                f"{name}.sort(key=lambda v: -v)",
                f"{name}.reverse()",
                f"{name}[0] = {self.number(2)}",
                f"{name}[{self.number(1)} % 3] += {self.number(2)}",
                f"{self.choose(*NUMBERS)} = {name}.pop({self.choose('', '0')})",
                f"{name}[1:2] = [{self.number(1)}]",
                f"{name}.remove({self.number(1)})",
            )
        ]

    def alias(self) -> Lines:
        return [self.choose("ys = xs", "xs = ys", "ys = xs[:]", "xs, ys = ys, xs", "d = dict(d)", "d['n'] = len(xs)")]

    def output(self) -> Lines:
        return [
            self.choose(
                f"print({self.number(2)}, a, {self.number(1)})",
                f"print({self.text(2)})",
                f"print({self.numbers(2)}, sep='')",
                f"print({self.atom()}, end=' ')",
            )
        ]

    def logged(self) -> Lines:
        return [f"log.append({self.number(2)})"]

    def unpacking(self) -> Lines:
        left, right = self.choose(("a", "b"), ("b", "xs[0]"), ("c", "d['k']"), ("xs[:2]", "c"))
        value = f"[{self.number(1)}]" if left.endswith("]") else self.number(2)
        return [
            self.choose(
                f"{left}, {right} = {value}, {self.number(1)}",
                f"a, *xs = {self.number(1)}, *ys[:3]",
                f"(a, b), c = [{self.number(1)}, {self.number(1)}], {self.number(1)}",
                f"*ys, b = [{self.number(1)}, {self.number(1)}, *xs[-2:]]",
                f"a, b = {self.numbers(1)}",
                f"a, b = b, {self.number(2)}",
            )
        ]

    def changed_dict(self) -> Lines:
        return [
            self.choose(
                f"d.update({self.number(1)}, n=1)" if self.chance(5) else f"d.update(n={self.number(2)})",
                f"d = {self.mapping(2)}",
                f"{self.choose(*NUMBERS)} = d.pop({self.number(1)}, {self.number(1)})",
                f"d.setdefault({self.number(1)}, {self.number(1)})",
                f"d |= {self.mapping(1)}",
            )
        ]

    def changed_set(self) -> Lines:
        return [
            self.choose(
                f"st.add({self.number(2)})",
                f"st = {self.numbers_set(2)}",
                f"st {self.choose('|', '-', '^')}= {{{self.number(1)}, {self.number(1)}}}",
                f"st.discard({self.number(1)})",
                "print(sorted(st), len(st))",
            )
        ]

    def new_text(self) -> Lines:
        return [f"s = {self.text(2)}", "s = s[:8]"]

    def deleted(self) -> Lines:
        name = self.choose(*NUMBERS)
        gone = [f"del {name}", f"{name} = {self.number(1)}"]
        return self.choose(gone, gone, [f"del {self.choose('xs[:1]', 'd[a]', 'xs[0]', 'ys[1:]')}"])

    def made_object(self) -> Lines:
        made = self.choose(*self.classes)
        name = self.fresh("o")
        lines = [f"{name} = {self.new_object(made, 2)}"]
        self.adds(objects=(name, made))
        return lines

    def changed_object(self) -> Lines:
        name, made = self.choose(*self.scope.objects)
        other = self.fresh("o")
        number = self.number(2)
        options = [[f"{name}.n = {number}"], [f"{name}.n += {number}"], [f"{name}.items.append({number})"]]
        options += [[f"xs = {name}.items", "del xs[:-3]"], [f"print({name}, {name}.items, {made.name}.total)"]]
        options += [[f"{made.name}.total += 1"], [f"{name}.items = ys"]]
        if "setter" in made.features:
            options.append([f"{name}.double = {number}"])
        if "item" in made.features:
            options.append([f"{name}[{self.number(1)}] = {number}"])
        if self.chance(20):
            self.adds(objects=(other, made))
            return [f"{other} = {name}"]
        return self.choose(*options)

    def record(self) -> Lines:
        """A tool's result that is more than a number."""
        if self.scope.kind == "pure" or not self.affordable(1):
            return self.assignment()
        self.spend(1)
        name = self.fresh("r")
        await_ = "‹await ›" if self.scope.kind == "implicit" or self.chance(self.implicit) else "await "
        lines = [f"{name} = {await_}fetch({self.number(1)})"]
        use = self.choose(
            f"a = {name}['n']", f"xs = {name}['items']", f"s = {name}['name']", f"b = {name}['next']['n']"
        )
        return [*lines, use]
