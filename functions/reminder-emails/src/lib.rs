//! Sends invoices, reminders, receipts and notices by mail.
