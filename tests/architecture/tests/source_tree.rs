//! The layers and names of the source tree.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::PathBuf;

use architecture::layers::{
    Package, crates_use_lower_layers_only, files_are_named_for_their_contents, mains_are_short,
    only_adapters_link_the_sdk, sources, untyped_errors_stay_in_main,
};
use architecture::repository;

fn none() -> Vec<String> {
    Vec::new()
}

fn packages() -> Vec<Package> {
    Package::read_all(&repository()).unwrap()
}

/// A package of the given name in `shared/`, `functions/` or `infra/`, with the given dependencies.
fn package(group: &str, name: &str, dependencies: &str) -> Package {
    let manifest = format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependencies}");
    Package::parse(PathBuf::from(group).join(name), &manifest).unwrap()
}

#[test]
fn crates_depend_on_lower_layers_only() {
    assert_eq!(crates_use_lower_layers_only(&packages()), none());
}

#[test]
fn a_dependency_upwards_or_sideways_is_found() {
    let upwards = package("shared", "saldo-money", "saldo-billing = \"1\"");
    let sideways = package("functions", "crm-api", "event-relay = \"1\"");
    let stranger = package("shared", "saldo-everything", "");
    let on_a_tool = package("functions", "billing-tick", "saldo-cli = \"1\"");
    let others = [("shared", "saldo-billing"), ("functions", "event-relay"), ("infra", "saldo-cli")]
        .map(|(g, n)| package(g, n, ""));
    let all: Vec<Package> = [upwards, sideways, stranger, on_a_tool].into_iter().chain(others).collect();
    let found = crates_use_lower_layers_only(&all);
    assert_eq!(
        found,
        [
            "saldo-money: saldo-billing is not in a lower layer",
            "crm-api: event-relay is not in a lower layer",
            "saldo-everything: it has no layer",
            "billing-tick: saldo-cli is not in a lower layer",
        ]
    );
}

#[test]
fn only_the_adapters_link_the_aws_sdk() {
    assert_eq!(only_adapters_link_the_sdk(&packages()), none());
    let broken =
        [package("functions", "crm-api", "aws-sdk-s3 = \"1\""), package("shared", "saldo-store", "aws-sdk-s3 = \"1\"")];
    assert_eq!(only_adapters_link_the_sdk(&broken), ["crm-api: it links aws-sdk-s3"]);
}

#[test]
fn anyhow_is_used_in_the_main_files_of_functions_only() {
    assert_eq!(untyped_errors_stay_in_main(&packages()).unwrap(), none());
    let broken = [package("shared", "saldo-books", "anyhow = \"1\"")];
    assert_eq!(untyped_errors_stay_in_main(&broken).unwrap(), ["saldo-books: a library must not depend on anyhow"]);
}

#[test]
fn the_main_file_of_a_function_only_wires() {
    assert_eq!(mains_are_short(&packages()).unwrap(), none());
}

#[test]
fn files_are_named_for_what_they_hold() {
    let folders = ["shared", "functions", "infra", "tests"].map(|folder| repository().join(folder));
    let files: Vec<PathBuf> = folders.iter().flat_map(|folder| sources(folder).unwrap()).collect();
    assert!(files.len() > 50, "the source tree was not found");
    assert_eq!(files_are_named_for_their_contents(&files), none());
    let broken = [PathBuf::from("shared/money/src/utils.rs")];
    assert_eq!(files_are_named_for_their_contents(&broken), ["shared/money/src/utils.rs: the name says nothing"]);
}
