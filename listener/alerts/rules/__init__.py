"""What is worth a message, and to whom: one file for each kind of rule."""

from listener.alerts.rules.mention import (
    Past,
    Raised,
    Rule,
    delivery,
    desk_link,
    first_come,
    matched_terms,
    raise_alerts,
)

__all__ = ["Past", "Raised", "Rule", "delivery", "desk_link", "first_come", "matched_terms", "raise_alerts"]
