"""Budgets as objects, requests for more, prices, chargeback, invoices and reports."""
