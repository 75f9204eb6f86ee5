"""What the demo shows on the screen: its progress, and tables of its result."""

from dataclasses import dataclass, field

from rich.table import Table

from wanderamt_local.demo.result import DemoResult


@dataclass
class DemoProgress:
    """The figures on the screen while the scenario runs."""

    caption: str = ""
    captured: int = 0
    pending: int = 0
    states: dict[str, int] = field(default_factory=dict)
    sms: int = 0
    mails: int = 0

    def table(self, total: int) -> Table:
        table = Table(title="Südbahnhofmarkt, Linz", caption=self.caption, min_width=64)
        for name in ("entries", "on the device", "provisional", "final", "needs visit", "SMS", "mails"):
            table.add_column(name, justify="right")
        states = [str(self.states.get(name, 0)) for name in ("provisional", "final", "needs_visit")]
        table.add_row(f"{self.captured}/{total}", str(self.pending), *states, str(self.sms), str(self.mails))
        return table


def figures_table(result: DemoResult) -> Table:
    table = Table("", "", title="Figures of the morning", show_header=False)
    for name, value in result.as_dict().items():
        if name not in {"problems", "services"} and value != "":
            table.add_row(name.replace("_", " "), str(value))
    return table


def services_table(result: DemoResult) -> Table:
    """Cases, those finished on the spot, the rows that they wrote into registers, and what was printed."""
    table = Table(title="Services")
    table.add_column("service", no_wrap=True)
    for name in ("cases", "finished", "rows"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("paper", overflow="fold")
    for figures in result.services:
        numbers = (figures.cases, figures.finished_on_the_spot, figures.register_rows)
        table.add_row(figures.service, *map(str, numbers), ", ".join(figures.papers))
    return table
