"""A mailbox is one address, however its name is written: one budget, one opt-out."""

from collections import Counter

from notifications_fixtures import OpenNotificationsEnv

SPELLINGS = (
    "victim@mail.example",
    "Victim@mail.example",
    "VICTIM@MAIL.example",
    *(f"victim+{number}@mail.example" for number in range(4)),
)


async def test_all_spellings_of_a_mailbox_share_a_budget_and_an_opt_out(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("post", day_budget=6) as env, env.http_client() as http:
        written_to = []
        for email in SPELLINGS:  # each booking counts twice, with its reminder
            await env.deliver_events(env.appointment_booked(email=email))
            await env.wait_until_idle()
            assert env.post.last
            written_to.append(env.post.last["To"])
        rows = await env.rows("SELECT state, reason FROM notice WHERE kind = 'appointment_booked'")
        assert Counter((row["state"], row["reason"]) for row in rows) == {("sent", ""): 3, ("dropped", "budget"): 4}
        assert written_to[:3] == ["victim@mail.example", "Victim@mail.example", "VICTIM@mail.example"], "as written"
        assert env.post.last
        link = env.post.last["List-Unsubscribe"].strip("<>").removeprefix("https://mobil.linz.example")
        assert (await http.post(link, data={"List-Unsubscribe": "One-Click"})).status_code == 200
        assert await env.rows("SELECT 1 FROM consent WHERE withdrawn_at IS NULL") == []
