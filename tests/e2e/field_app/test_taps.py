"""How many taps a case takes from the queue to its paper, and what the form takes over from earlier answers."""

from browser_fixtures import MakeGallery, MakeTablet
from form_fixtures import COUNT_TAPS, FAMILY, Json, fact, offer, rewrite, taps, titled
from playwright.async_api import Page, expect
from wanderamt_faults.tablet import Tablet

PEOPLE = (("Mehmet", "04051980"), ("Ayşe", "1982"), ("Elif", "17102012"), ("Can", "02022016"))


async def type_on(page: Page, *texts: str) -> None:
    """Types into the field with the focus and those after it; Enter is the key "next" of a tablet's keyboard."""
    for text in texts:
        await page.keyboard.type(text)
        await page.keyboard.press("Enter")


async def finish(page: Page) -> None:
    await page.get_by_test_id("identify-photo_id").tap()
    await page.locator("input[name=payment][value=cash]").tap()
    await page.get_by_test_id("pay").tap()
    await page.get_by_test_id("code").wait_for()


async def tablet_with(make_tablet: MakeTablet, service: str, facts: list[Json]) -> Tablet:
    tablet = await make_tablet(has_touch=True)
    tablet.scripts.append(COUNT_TAPS)
    offer(tablet, service, facts, fee_cents=2100)
    await tablet.prepare()
    await tablet.page.evaluate("sessionStorage.setItem('taps', 0)")
    return tablet


async def test_a_confirmation_of_registration_takes_twelve_taps(make_tablet: MakeTablet) -> None:
    """Each field is tapped; with the key "next" of the keyboard it is two less."""
    tablet = await tablet_with(make_tablet, "probe", FAMILY)
    page = tablet.page
    await page.get_by_test_id("walk-in").tap()
    await page.get_by_test_id("start-registration_confirmation").tap()
    for name, text in (("given_name", "Ada"), ("family_name", "Lovelace"), ("birth_date", "10121985")):
        await page.locator(f"#{name}").tap()
        await page.keyboard.type(text)
    for answer in ("channel][value=spoken", "register_asked][value=local", "recipient_named][value=yes"):
        await page.locator(f"input[name=fact-{answer}]").tap()
    await page.get_by_test_id("form-done").tap()
    await page.get_by_test_id("identify-photo_id").tap()
    assert "mündlich am Stand" in await page.locator("dl.answers").first.inner_text()
    await page.locator("input[name=payment][value=cash]").tap()
    await page.get_by_test_id("pay").tap()
    await page.get_by_test_id("code").wait_for()
    assert await taps(tablet) == 12


async def test_a_family_of_four_is_registered_in_one_case(make_tablet: MakeTablet) -> None:
    tablet = await tablet_with(make_tablet, "move", FAMILY)
    tablet.proxy.down = True  # the office does not know this service, and would refuse its case
    page = tablet.page
    await page.get_by_test_id("walk-in").tap()
    await page.get_by_test_id("start-move").tap()
    await page.locator("#given_name").tap()
    await type_on(page, "Mehmet", "Öztürk")
    await page.keyboard.type("04051980")
    await page.locator("#fact-moved_on").tap()
    await page.keyboard.type("01122026")
    await page.locator("#fact-address-street").tap()
    await page.keyboard.type("landst")
    await page.locator("[role=option]").filter(has_text="Landstraße").first.tap()
    await page.locator("#fact-address-number").tap()
    await type_on(page, "12")
    await page.locator("input[name=fact-kind][value=main]").tap()
    await page.locator("#fact-family-1-person-family_name").tap()
    await type_on(page, "Öztürk", *PEOPLE[0])
    await page.keyboard.type("türk")
    await page.locator("[role=option]").filter(has_text="Türkei").tap()
    for number, (given_name, birth) in enumerate(PEOPLE[1:], start=2):
        await page.get_by_test_id("fact-family-add").tap()
        await expect(page.locator(f"#fact-family-{number}-person-given_name")).to_be_focused()
        await type_on(page, given_name, birth)
    await page.get_by_test_id("form-done").tap()
    await page.locator("[data-stage=check]").wait_for()
    answers = await page.locator("dl.answers").inner_text()
    for line in ("Person 4", "Can Öztürk, geb. 02.02.2016, Türkei", "Ayşe Öztürk, geb. 1982, Türkei"):
        assert line in answers
    await page.get_by_test_id("check-done").tap()
    await finish(page)
    count = await taps(tablet)
    print(f"a family of four: {count} taps")
    assert count <= 45


async def test_the_proof_of_identity_can_be_changed_until_the_fee_is_paid(tablet: Tablet) -> None:
    page = tablet.page
    await tablet.start_case("registration_confirmation")
    await tablet.continue_until("fee")
    await page.get_by_role("button", name="Ändern Womit ausgewiesen?").click()
    await page.get_by_test_id("identify-representative").click()
    await page.locator("[data-stage=fee]").wait_for()
    await expect(page.locator("details.review")).to_contain_text("Vertretung")


async def test_the_same_person_takes_over_an_earlier_answer(make_tablet: MakeTablet) -> None:
    facts = [fact("plate", "number_plate", "Kennzeichen", prefill="former_answer")]
    tablet = await tablet_with(make_tablet, "parking", facts)
    page = tablet.page
    for name in ("Ada", "Ben", "ada"):
        await tablet.start_case("parking")
        await page.locator("#given_name").fill(name)
        await page.locator("#family_name").fill("Lovelace")
        await page.locator("#birth_date").fill("1985-12-10")
        proposal = page.get_by_role("button", name="Übernehmen: L-12345A")
        if name == "Ada":
            await page.locator("#fact-plate").fill("L 12345A")
            await page.get_by_test_id("form-done").click()
            await page.locator("[data-stage=identify]").wait_for()
        elif name == "Ben":
            await expect(proposal).to_have_count(0)
        else:
            await proposal.click()
            await expect(page.locator("#fact-plate")).to_have_value("L-12345A")


async def test_the_citizen_reviews_what_the_register_says(tablet: Tablet, make_gallery: MakeGallery) -> None:
    page = tablet.page
    answer: Json = {
        "call": "residence",
        "titles": titled("Melderegister"),
        "rows": [{"titles": titled("Wohnsitz"), "value": "Landstraße 12, 4020 Linz"}],
    }

    def add(changes: Json) -> None:
        for case in changes["cases"]:
            case["answers"] = [answer]

    tablet.proxy.tamper = lambda path, body: rewrite(body, add) if path.startswith("/changes") else body
    await tablet.start_case("registration_confirmation")
    await tablet.continue_until("identify")
    await page.evaluate("dispatchEvent(new Event('online'))")
    card = page.get_by_test_id("register-review")
    await card.wait_for()
    await expect(card).to_contain_text("Landstraße 12, 4020 Linz")
    gallery = make_gallery(tablet, "de-register")
    await gallery.capture("says")
    await page.get_by_test_id("register-wrong").click()
    await page.locator("[data-stage=form]").wait_for()
    await page.locator("#family_name").fill("Richtig")
    await page.get_by_test_id("form-done").click()
    await card.wait_for()
    await page.get_by_test_id("register-right").click()
    await expect(card).to_have_count(0)
    await page.reload()
    await page.locator("[data-stage=identify]").wait_for()
    await expect(card).to_have_count(0)
    assert gallery.violations == []
