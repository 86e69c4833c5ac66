"""All that has to do with money and proof, over one engine: what the management API and the timers are handed."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.access.keys import Derived
from headgate.audit.refusals import Refusals
from headgate.audit.sealing import sealing
from headgate.billing.chargeback import Office
from headgate.billing.invoice import Issuer
from headgate.storage.approvals import SqlApprovals
from headgate.storage.audit_log import SqlAuditLog
from headgate.storage.audit_rows import KeyedSealing
from headgate.storage.bill_days import SqlBillDays
from headgate.storage.bills import SqlBills
from headgate.storage.budgets import SqlBudgets
from headgate.storage.imports import SqlImports
from headgate.storage.notices import SqlNotices


@dataclass(frozen=True)
class Money:
    """The stores, each of which takes the tenant as an argument, and who works with them."""

    audit: SqlAuditLog
    sealing: KeyedSealing
    refusals: Refusals
    budgets: SqlBudgets
    approvals: SqlApprovals
    notices: SqlNotices
    bills: SqlBills
    office: Office
    issuer: Issuer
    imports: SqlImports

    @classmethod
    def on(cls, engine: AsyncEngine, derived: Derived) -> "Money":
        """Return all of it on *engine*, which is keyed for the audit log."""
        office = Office(SqlBills(engine), SqlBillDays(engine))
        return cls(
            audit=SqlAuditLog(engine),
            sealing=sealing(derived),
            refusals=Refusals(engine),
            budgets=SqlBudgets(engine),
            approvals=SqlApprovals(engine),
            notices=SqlNotices(engine),
            bills=office.bills,
            office=office,
            issuer=Issuer(office),
            imports=SqlImports(engine),
        )
