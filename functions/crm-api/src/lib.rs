//! The HTTP API for the CRM.
