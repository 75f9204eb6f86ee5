"""What can be booked is what the catalogue offers: services meet only on Kafka, so two lists are kept and compared."""

from intake.offers.shelf import read_shelf
from scheduling.offers.shelf import read_offers


def test_every_service_of_the_catalogue_can_be_booked_under_the_same_name() -> None:
    catalogue = {offer.service: offer for offer in read_shelf().offers}
    bookable = read_offers()
    assert bookable.keys() == catalogue.keys()
    for code, one in bookable.items():
        assert 5 <= one.minutes <= 60
        assert one.titles.keys() == one.bring.keys() == {"de", "en"}
        assert len(one.bring["de"]) == len(one.bring["en"]) > 0, code
