"""What can be wrong with a database, as sentences for a person.

StoreError
├── NewerSchema    the file was written by a newer Listener
├── StoreBusy      another process kept the write lock for longer than anyone should
└── StoreFull      no space left: nothing of the page was kept, it will be asked for again
"""

from __future__ import annotations


class StoreError(Exception):
    pass


class NewerSchema(StoreError):
    pass


class StoreBusy(StoreError):
    pass


class StoreFull(StoreError):
    pass
