"""`memory.admin`: namespaces, shares, proposals, retention and the doctor."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from types import EllipsisType
from typing import TYPE_CHECKING

from .async_twin import async_twin
from .stores.records import Outcome, Progress, Proposal
from .stores.truth.namespace import names

if TYPE_CHECKING:
    from .doctor import Report
    from .runtime import MemoryRuntime
    from .stores.deletion.receipt import Receipt
    from .stores.deletion.retention import Age, Retention
    from .stores.truth.proposals import Proposals
    from .stores.truth.session_versions import SessionVersion


class MemoryAdmin:
    """The administration of a memory: `memory.admin`. Verbs over the whole folder are for its owner, not for users of
    single namespaces."""

    def __init__(self, runtime: MemoryRuntime) -> None:
        self._runtime = runtime

    # -- the folder ----------------------------------------------------------------------------------------

    def namespaces(self) -> list[str]:
        """The names of all namespaces in the folder that are not empty, sorted."""
        return names(self._runtime.database)

    def doctor(self, *, fix: bool = False, progress: Progress | None = None) -> Report:
        """Check every namespace of the folder. Without `fix` nothing is written; with it, derived data is repaired:
        indexes, cursors, orphans, permissions. `progress` gets the number of checks done, and of all.

        See `jitmem.doctor`, which also reads memories that are too damaged for `Memory.open`.
        """
        from .doctor import examine, repair

        return (repair if fix else examine)(self._runtime.place, progress=progress)

    def session_versions(self, session_id: str) -> list[SessionVersion]:
        """What was filed under an id before `update=True` replaced it, oldest first, word for word."""
        from .stores.truth.session_versions import session_versions

        return session_versions(self._runtime.namespace, session_id)

    # -- sharing -------------------------------------------------------------------------------------------

    def share(self, reader: str) -> None:
        """Let another namespace of the folder read the pages and items of this one: its research, recall, `page` and
        `items.get` find them; listing and editing stay with this one. `"team/*"` is every namespace whose name begins
        with `team/`. A name alone shares nothing: `team/ana` and `team` do not see each other."""
        from .stores.truth.shares import share

        share(self._runtime.namespace, reader)

    def unshare(self, reader: str) -> bool:
        """Revoke a share, from the next read on; False if there was none."""
        from .stores.truth.shares import unshare

        return unshare(self._runtime.namespace, reader)

    def shares(self) -> list[str]:
        """The readers that `share` was called with, sorted."""
        from .stores.truth.shares import shares

        return shares(self._runtime.namespace)

    # -- proposals -----------------------------------------------------------------------------------------

    def proposals(self, *, waiting: bool = True) -> list[Proposal]:
        """The edits that wait for a decision, oldest first; with `waiting=False` the decided ones too."""
        return self._proposals.proposals(waiting=waiting)

    def approve(self, number: int) -> Outcome:
        """Apply a proposal; if it was approved before, return its outcome again.

        `UnknownRecord` for an unknown number; `BadInput` for a rejected one, and in a read-only memory.
        """
        self._runtime.item_options.check_writable("decide on proposals")
        return self._proposals.approve(number)

    def reject(self, number: int) -> Proposal:
        """Reject a proposal; idempotent. Errors as for `approve`, and `BadInput` for an approved one."""
        self._runtime.item_options.check_writable("decide on proposals")
        return self._proposals.reject(number)

    @cached_property
    def _proposals(self) -> Proposals:
        from .stores.truth.proposals import Proposals

        return Proposals(self._runtime.items)

    # -- retention -----------------------------------------------------------------------------------------

    def set_retention(
        self,
        *,
        pages: Age | EllipsisType | None = ...,
        core: Age | EllipsisType | None = ...,
        semantic: Age | EllipsisType | None = ...,
        episodic: Age | EllipsisType | None = ...,
    ) -> dict[str, timedelta]:
        """Set how long pages, and items of each kind, are kept: `"90 days"`, a timedelta, or None for ever.

        Rules that are not named stay; the result is all rules. Older records are hidden at once, here and from every
        namespace that reads this one, and erased by `purge`. The age of a page is that of its session in this
        memory, the age of an item that of its newest version. Items may outlive the pages they come from.
        """
        from .stores.deletion.selectors import PAGE

        ages = {PAGE: pages, "core": core, "semantic": semantic, "episodic": episodic}
        self._runtime.item_options.check_writable("forget")
        self._rules().set({kind: age for kind, age in ages.items() if not isinstance(age, EllipsisType)})
        return self.retention()

    def retention(self) -> dict[str, timedelta]:
        """The rules of `set_retention`, by the names of its arguments; a kind without a rule is kept for ever."""
        from .stores.deletion.selectors import PAGE

        return {"pages" if kind == PAGE else kind: age for kind, age in self._rules().rules().items()}

    def purge(self, *, all_namespaces: bool = False) -> Receipt:
        """Erase expired records, here or in `all_namespaces` of the folder, and finish pending erasures."""
        from .deletion import purge_expired

        return purge_expired(self._runtime, all_namespaces=all_namespaces)

    def _rules(self) -> Retention:
        from .stores.deletion.retention import Retention

        return Retention(self._runtime.namespace)

    anamespaces = async_twin(namespaces)
    asession_versions = async_twin(session_versions)
    adoctor = async_twin(doctor)
    ashare = async_twin(share)
    aunshare = async_twin(unshare)
    ashares = async_twin(shares)
    aproposals = async_twin(proposals)
    aapprove = async_twin(approve)
    areject = async_twin(reject)
    aset_retention = async_twin(set_retention)
    aretention = async_twin(retention)
    apurge = async_twin(purge)
