"""The way to work by docs/matching.md, a part of `conditions`: whether it is too long, and what may make it shorter."""

from __future__ import annotations

from verification.oracle.pair import Answer, Pair


def answer(pair: Pair) -> Answer:
    """The condition `commute`."""
    wish = pair.person.wants.commute_minutes if pair.person.wants else None
    if pair.opening.region is None and not pair.paid:
        return "yes"
    if lodges(pair):
        return "yes"
    minutes = pair.minutes()
    if minutes is None:
        return "yes" if around_home(pair) else "ask"
    if wish is None:
        usual, data = usual_way(pair), pair.pack.matching
        if minutes <= usual:
            return "yes"
        return "ask" if minutes <= data.way_out_reach * usual or lodges(pair) is None else "no"
    if minutes <= wish:
        return "yes"
    data = pair.pack.matching
    way_out = lodges(pair) is None or (pair.offers(data.commuter_bus) and not stays(pair))
    if minutes <= data.way_out_reach * wish and way_out:
        return "ask"
    return "ask" if by_car_within(pair, wish) or may_be_within(pair, wish) else "no"


def around_home(pair: Pair) -> bool:
    """Not paid work, somewhere in an area in which the person lives."""
    home, area = pair.person.residence, pair.opening.region
    return not pair.paid and home is not None and area is not None and pair.pack.lies_in(home, area)


def usual_way(pair: Pair) -> int:
    """Minutes one way that need not be asked about."""
    data, found = pair.pack.matching, [pair.pack.matching.usual_commute_minutes]
    for need in pair.person.counselling.needs:
        rule = data.needs.get(need)
        if rule is not None:
            found += [most for most in (rule.commute_minutes_max, rule.usual_commute_minutes) if most is not None]
    return min(found)


def stays(pair: Pair) -> bool:
    """Whether a need bounds the way: then neither lodging nor a bus makes work near that is far."""
    rules = [pair.pack.matching.needs.get(need) for need in pair.person.counselling.needs]
    return any(rule is not None and (rule.commute_minutes_max or rule.usual_commute_minutes) for rule in rules)


def lodges(pair: Pair) -> bool | None:
    """Whether the person lives where the work is, if there is lodging; None: to be asked."""
    if not pair.offers(pair.pack.matching.lodging):
        return False
    said = pair.person.wants.lodging if pair.person.wants else None
    return said if said is not None or not stays(pair) else False


def why_asked(pair: Pair) -> str:
    """Of a way that is asked about: under which name the pack may say how often it is answered yes."""
    minutes = pair.minutes()
    lodging = lodges(pair) is None
    if minutes is None:
        return "anywhere" if lodging else ""
    data, wish = pair.pack.matching, pair.person.wants.commute_minutes if pair.person.wants else None
    if wish is None and minutes > data.way_out_reach * usual_way(pair):
        return "moving"
    if wish is None:
        return "farther" if minutes > 1.25 * usual_way(pair) else "far"
    if minutes <= data.way_out_reach * wish and lodging and not may_be_within(pair, wish):
        return "lodging"
    bus = pair.offers(data.commuter_bus) and not stays(pair)
    if minutes <= data.way_out_reach * wish and bus:
        return "bus"
    if by_car_within(pair, wish):
        return "car"
    return "mean_far" if wish < 0.75 * minutes else "mean"


def may_be_within(pair: Pair, limit: int) -> bool:
    """Whether a way that is known as a mean may be as short as that."""
    way = pair.way()
    return way is not None and way.least <= limit


def by_car_within(pair: Pair, wish: int) -> bool:
    """Whether it would do by car, of which nobody knows whether there is one."""
    by_car = pair.minutes(car=True) if pair.car is None else None
    return by_car is not None and by_car <= wish


def near_the_edge(pair: Pair) -> str | None:
    """Of a way that is not too long: under which name the pack may say how often it turns out so all the same."""
    minutes, wish = pair.minutes(), pair.person.wants.commute_minutes if pair.person.wants else None
    if minutes is None:
        return None
    if wish is not None:
        return "edge" if minutes > 0.9 * wish else None
    if minutes <= 0.8 * usual_way(pair):
        return None
    return "edge_stays" if stays(pair) else "edge_usual"


def why_unsaid(pair: Pair) -> str:
    """What kind of programme names no place: one for people of an area, a training, or another kind of help."""
    home, areas = pair.person.residence, pair.opening.rules.residence
    if around_home(pair) or (home is not None and any(pair.pack.lies_in(home, area) for area in areas)):
        return "unsaid_area"
    return "unsaid" if pair.opening.kind in pair.pack.matching.learning_kinds else "unsaid_support"
