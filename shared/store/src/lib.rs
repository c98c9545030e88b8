//! Keys, items and access patterns; DynamoDB and its in-memory twin.
