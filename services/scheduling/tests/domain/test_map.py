"""The map: dots at the right place, with and without tiles."""

from scheduling.pages.map import HEIGHT, WIDTH, MapPlace, draw_map

PLACES = [
    MapPlace(48.3059, 14.2865, "1", "Hauptplatz", "/1"),
    MapPlace(48.3370, 14.3190, "2", "JKU", "/2"),
    MapPlace(48.2480, 14.2890, "3", "Auwiesen", "/3"),
]


def test_north_is_up_east_is_right_and_everything_is_in_the_picture() -> None:
    for tiles in ("", "https://tiles.city.example/{z}/{x}/{y}.png"):
        made = draw_map(PLACES, tiles_url=tiles)
        assert made
        middle, north, south = made.dots
        assert north.y < middle.y < south.y
        assert north.x > middle.x
        assert all(0 <= dot.x <= WIDTH and 0 <= dot.y <= HEIGHT for dot in made.dots)
        assert bool(made.tiles) is bool(tiles)
        assert made.bar_m in range(100, 10_001)


def test_tiles_cover_the_picture_and_are_those_of_the_place() -> None:
    made = draw_map(PLACES, tiles_url="t/{z}/{x}/{y}")
    assert made
    assert min(tile.x for tile in made.tiles) <= 0
    assert max(tile.x for tile in made.tiles) + 256 >= WIDTH
    zoom, column, row = map(int, made.tiles[0].url.split("/")[1:])
    assert (column >> (zoom - 1), row >> (zoom - 1)) == (1, 0)  # the north-eastern quarter of the world


def test_places_at_the_same_point_are_drawn_beside_each_other() -> None:
    assert draw_map([]) is None
    made = draw_map([PLACES[0]] * 3)
    assert made
    assert len({(dot.x, dot.y) for dot in made.dots}) == 3
