"""Everything that every database owes: subclass and provide a fixture `store`."""

from __future__ import annotations

from tests.contracts.store import StoreContract
from tests.contracts.store_desk import DeskContract
from tests.contracts.store_figures import FiguresContract
from tests.contracts.store_nps import EstimatingContract
from tests.contracts.store_people import PeopleContract
from tests.contracts.store_rules import RulesContract
from tests.contracts.store_states import StatesContract
from tests.contracts.store_tokens import TokensContract


class WholeContract(
    StoreContract,
    EstimatingContract,
    DeskContract,
    FiguresContract,
    TokensContract,
    PeopleContract,
    RulesContract,
    StatesContract,
):
    pass
