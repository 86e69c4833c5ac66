"""Budgets, approvals, prices of tenants, invoices and reports."""
