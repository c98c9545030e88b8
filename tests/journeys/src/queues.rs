//! Messages put on a queue by hand, and redelivery without its minutes of waiting.

use anyhow::Result;
use local_stack::LocalStack;
use serde_json::{Value, json};

use crate::Journey;

/// A queue that hands out again what was not deleted within seconds, until this is dropped.
#[derive(Debug)]
pub struct QuickRedelivery<'a> {
    stack: &'a LocalStack,
    queue: &'a str,
    usual: String,
}

fn set_visibility(stack: &LocalStack, queue: &str, seconds: &str) -> Result<()> {
    let body = json!({ "QueueUrl": queue, "Attributes": { "VisibilityTimeout": seconds } });
    stack.json_action("sqs", "AmazonSQS.SetQueueAttributes", &body).map(drop)
}

impl Drop for QuickRedelivery<'_> {
    fn drop(&mut self) {
        drop(set_visibility(self.stack, self.queue, &self.usual));
    }
}

impl Journey {
    /// Shortens the visibility time-out of a queue, given by its URL, for what it hands out from now on.
    ///
    /// # Errors
    /// When the local AWS refuses.
    pub fn quick_redelivery<'a>(&'a self, queue: &'a str, seconds: u32) -> Result<QuickRedelivery<'a>> {
        let usual = self.stack.queue_attribute(queue, "VisibilityTimeout")?;
        set_visibility(&self.stack, queue, &seconds.to_string())?;
        Ok(QuickRedelivery { stack: &self.stack, queue, usual })
    }

    /// Sends messages to a queue in one call, so that they are handed out as one batch.
    ///
    /// # Errors
    /// When the local AWS refuses.
    pub fn send_batch(&self, queue: &str, bodies: &[String]) -> Result<()> {
        let entry = |(index, body): (usize, &String)| json!({ "Id": index.to_string(), "MessageBody": body });
        let entries: Vec<Value> = bodies.iter().enumerate().map(entry).collect();
        let body = json!({ "QueueUrl": queue, "Entries": entries });
        self.stack.json_action("sqs", "AmazonSQS.SendMessageBatch", &body).map(drop)
    }
}
