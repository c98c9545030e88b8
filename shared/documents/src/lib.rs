//! Invoices as PDF and mail, in the customer's language.
