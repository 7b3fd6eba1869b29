"""Whatever becomes of the calls, the next one goes where it has the best chance, and nobody is forgotten."""

from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.models._balancer import Places

steps = st.lists(
    st.tuples(st.floats(0, 5), st.sampled_from(["begin", "well", "failed", "unknown"]), st.integers(0, 50)), max_size=80
)


@given(number=st.integers(1, 5), steps=steps)
def test_calls_add_up_and_the_open_place_with_the_fewest_is_chosen(
    number: int, steps: list[tuple[float, str, int]]
) -> None:
    places, now, open_calls = Places(number), 0.0, list[int]()
    for waited, what, which in steps:
        now += waited
        if what == "begin":
            before = [(place.in_flight, place.failures, place.until) for place in places.all]
            chosen = places.begin(now)
            free = [one for one in before if now >= one[2] and not (one[1] and one[0])]
            if free:
                assert before[chosen] in free
                assert before[chosen][0] == min(in_flight for in_flight, _, _ in free)
            else:
                assert before[chosen][2] == min(until for _, _, until in before)
            open_calls.append(chosen)
        elif open_calls:
            ended = open_calls.pop(which % len(open_calls))
            places.end(ended, now, well={"well": True, "failed": False, "unknown": None}[what])
        assert [place.in_flight for place in places.all] == [open_calls.count(one) for one in range(number)]
        assert all(place.until <= now + 60 for place in places.all)


@given(number=st.integers(1, 6), calls=st.integers(1, 60))
def test_places_that_all_do_well_are_asked_as_often(number: int, calls: int) -> None:
    places = Places(number)
    for _ in range(calls):
        places.end(places.begin(0.0), 0.0, well=True)
    begun = [place.begun for place in places.all]
    assert max(begun) - min(begun) <= 1


@given(failures=st.integers(1, 12))
def test_pauses_double_up_to_the_longest_and_one_success_ends_them(failures: int) -> None:
    places, now, pauses = Places(1, first_pause_s=1.0, longest_pause_s=60.0), 0.0, []
    for _ in range(failures):
        places.end(places.begin(now), now, well=False)
        pauses.append(places.all[0].until - now)
        now = places.all[0].until
    assert pauses == [min(60.0, 2.0**times) for times in range(failures)]
    places.end(places.begin(now), now, well=True)
    assert places.all[0].until == 0.0


def test_calls_that_were_in_flight_when_a_place_failed_make_its_pause_no_longer() -> None:
    places = Places(1, first_pause_s=1.0)
    for number in [places.begin(0.0) for _ in range(20)]:
        places.end(number, 0.0, well=False)
    assert places.all[0].until == 1.0


def test_after_its_pause_a_place_is_tried_by_one_call() -> None:
    places = Places(2, first_pause_s=1.0)
    places.end(places.begin(0.0), 0.0, well=False)
    assert {places.begin(0.5) for _ in range(5)} == {1}
    assert [places.begin(1.0) for _ in range(4)] == [0, 1, 1, 1]
    places.end(0, 1.5, well=True)
    assert [places.begin(1.5) for _ in range(4)] == [0, 0, 0, 0]


def test_a_place_is_left_alone_for_as_long_as_it_asks() -> None:
    places = Places(2)
    places.end(places.begin(0.0), 0.0, well=False, pause_s=30.0)
    assert [places.begin(29.0), places.begin(30.0)] == [1, 0]
