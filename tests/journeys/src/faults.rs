//! What goes wrong, for as long as a test keeps the guard.

use std::process::Command;

use anyhow::{Context, Result, bail};
use local_stack::{FaultProxies, LocalStack};
use serde_json::{Value, json};

use crate::Journey;

/// Rules by which calls of the functions fail, until this is dropped.
#[derive(Debug)]
pub struct Faults<'a> {
    stack: &'a LocalStack,
    proxy: &'a str,
}

/// Replaces the rules of a proxy.
pub(crate) fn set_rules(stack: &LocalStack, proxy: &str, rules: &Value) -> Result<Value> {
    let headers = [("content-type", "application/json")];
    stack.send("POST", &format!("{proxy}/_microburst/rules"), &headers, &rules.to_string())?.success()
}

impl Faults<'_> {
    /// How often each rule has met a call, in the order of the rules.
    ///
    /// # Errors
    /// When the proxy does not tell.
    pub fn fired(&self) -> Result<Vec<u64>> {
        let rules = self.stack.send("GET", &format!("{}/_microburst/rules", self.proxy), &[], "")?.success()?;
        let rules = rules.as_array().context("the proxy lists no rules")?;
        Ok(rules.iter().map(|rule| rule.get("fired_count").and_then(Value::as_u64).unwrap_or_default()).collect())
    }
}

impl Drop for Faults<'_> {
    fn drop(&mut self) {
        // Where this fails, the next journey begins with the same and says so.
        drop(set_rules(self.stack, self.proxy, &json!([])));
    }
}

impl Journey {
    /// Lets calls of the local AWS fail by these rules of microburst.
    ///
    /// # Errors
    /// When the proxy refuses them.
    pub fn faults_at_aws(&self, rules: &Value) -> Result<Faults<'_>> {
        self.faults(&self.proxies()?.aws, rules)
    }

    /// Lets calls of the provider fail by these rules of microburst.
    ///
    /// # Errors
    /// When the proxy refuses them.
    pub fn faults_at_provider(&self, rules: &Value) -> Result<Faults<'_>> {
        self.faults(&self.proxies()?.provider, rules)
    }

    fn proxies(&self) -> Result<&FaultProxies> {
        let none = "the demo's stack lets nothing fail; `cargo dev up --no-demo --detach` deploys one that does";
        self.stack.stack().faults.as_ref().context(none)
    }

    fn faults<'a>(&'a self, proxy: &'a str, rules: &Value) -> Result<Faults<'a>> {
        set_rules(&self.stack, proxy, rules)?;
        Ok(Faults { stack: &self.stack, proxy })
    }

    /// Kills the processes of a function, whatever they are at; returns how many there were.
    ///
    /// # Errors
    /// When a process cannot be found or killed.
    pub fn kill(&self, function: &str) -> Result<usize> {
        let listed = Command::new("ps").args(["axeww", "-o", "pid=,command="]).output().context("ps")?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        // The environment tells a function of this stack from one of another.
        let marks =
            [format!("AWS_LAMBDA_FUNCTION_NAME={function}"), format!("AWS_ENDPOINT_URL={}", self.proxies()?.aws)];
        let is_ours = |line: &&str| marks.iter().all(|mark| line.split_whitespace().any(|word| word == mark));
        let pids = listed.lines().filter(is_ours).filter_map(|line| line.split_whitespace().next());
        let pids: Vec<&str> = pids.collect();
        if !pids.is_empty() && !Command::new("kill").arg("-KILL").args(&pids).status()?.success() {
            bail!("cannot kill {pids:?}");
        }
        Ok(pids.len())
    }

    /// How often a function has run to the end of an invocation, or died in one, by its log.
    ///
    /// # Errors
    /// When the local AWS does not tell.
    pub fn runs_of(&self, function: &str) -> Result<usize> {
        Ok(self.log_of(function)?.iter().filter(|line| line.starts_with("REPORT ")).count())
    }

    /// The lines of a function's log.
    ///
    /// # Errors
    /// When the local AWS does not tell.
    pub fn log_of(&self, function: &str) -> Result<Vec<String>> {
        let group = format!("/aws/lambda/{function}");
        let (mut log, mut asked) = (Vec::new(), json!({ "logGroupName": group }));
        loop {
            let page = self.stack.json_action("logs", "Logs_20140328.FilterLogEvents", &asked)?;
            let lines = page.get("events").and_then(Value::as_array).context("the log has no lines")?;
            log.extend(lines.iter().filter_map(|line| Some(line.get("message")?.as_str()?.to_owned())));
            let Some(next) = page.get("nextToken").filter(|next| next.is_string()) else { return Ok(log) };
            asked = json!({ "logGroupName": group, "nextToken": next });
        }
    }
}
