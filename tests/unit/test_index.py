"""The driver index: what is taken over from iRacing's lists of all drivers."""

from hypothesis import given
from hypothesis import strategies as st

from pitboard.drivers.index import Index

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["Ann Tester", "ann  tester", "Bo Demo", "Bo Demo2", "", "x\x00"]), st.integers(1, 3)
    )
)


def test_the_same_driver_in_several_lists_is_one_entry():
    index = Index()
    for _ in range(3):
        index.add("Ann Tester", 7)
    (entry,) = index.entries(0.0)
    assert (entry.key, entry.cust_id, entry.origin, entry.reason) == ("ann tester", 7, "index", "")


def test_a_name_that_two_ids_claim_is_left_to_the_search():
    index = Index()
    index.add("Ann Tester", 7)
    index.add("ANN TESTER", 8)
    index.add("Ann Tester", 7)
    assert list(index.entries(0.0)) == []
    assert len(index) == 0


@given(ROWS)
def test_an_entry_is_never_an_id_that_its_name_did_not_come_with(rows):
    index = Index()
    for name, cust_id in rows:
        index.add(name, cust_id)
    for entry in index.entries(0.0):
        assert {cust_id for name, cust_id in rows if " ".join(name.split()).lower() == entry.key} == {
            entry.cust_id
        }
    assert len(list(index.entries(0.0))) == len(index)
