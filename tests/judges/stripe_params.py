"""Judge: requests that the adapter sends, by the typed parameters of the official package.

    python stripe_params.py RECORDED_REQUESTS.json

Every parameter must be known to its call and fit its type, and none that is required may lack. Ends with 0 when all do.
"""

import ast
import json
import pathlib
import re
import sys
import urllib.parse

import stripe

PARAMS = pathlib.Path(stripe.__file__).parent / "params"
CALLS = [
    ("POST", r"/v1/payment_intents", "_payment_intent_create_params.py", "PaymentIntentCreateParams"),
    ("GET", r"/v1/payment_intents", "_payment_intent_list_params.py", "PaymentIntentListParams"),
    ("GET", r"/v1/payment_intents/\w+", "_payment_intent_retrieve_params.py", "PaymentIntentRetrieveParams"),
    ("POST", r"/v1/payment_intents/\w+/cancel", "_payment_intent_cancel_params.py", "PaymentIntentCancelParams"),
    ("POST", r"/v1/refunds", "_refund_create_params.py", "RefundCreateParams"),
    ("GET", r"/v1/refunds", "_refund_list_params.py", "RefundListParams"),
    ("POST", r"/v1/checkout/sessions", "checkout/_session_create_params.py", "SessionCreateParams"),
    ("GET", r"/v1/checkout/sessions/\w+", "checkout/_session_retrieve_params.py", "SessionRetrieveParams"),
    ("POST", r"/v1/checkout/sessions/\w+/expire", "checkout/_session_expire_params.py", "SessionExpireParams"),
]
KEYED = {"/v1/payment_intents", "/v1/refunds", "/v1/checkout/sessions"}


def tree(form):
    """`a[b][0]=c` as nested dictionaries."""
    root = {}
    for name, value in urllib.parse.parse_qsl(form, keep_blank_values=True, strict_parsing=bool(form)):
        path = re.findall(r"[^\[\]]+", name)
        node = root
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = value
    return root


class Judge:
    def __init__(self, file):
        body = ast.parse((PARAMS / file).read_text(encoding="utf-8")).body
        self.classes = {}
        for node in body:
            if isinstance(node, ast.ClassDef):
                self.classes[node.name] = self.fields(node)
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                # TypedDict("Name", {"in": …}): where a name is a word of Python's.
                table = node.value.args[1]
                self.classes[node.targets[0].id] = {key.value: value for key, value in zip(table.keys, table.values)}
        for node in body:
            if isinstance(node, ast.ClassDef):
                for base in node.bases:
                    if isinstance(base, ast.Name) and base.id in self.classes:
                        self.classes[node.name] = {**self.classes[base.id], **self.classes[node.name]}

    @staticmethod
    def fields(node):
        return {item.target.id: item.annotation for item in node.body if isinstance(item, ast.AnnAssign)}

    def of_class(self, value, name, path):
        if not isinstance(value, dict):
            return [f"{path}: expected {name}, found {value!r}"]
        fields, problems = self.classes[name], []
        for key, item in value.items():
            if key not in fields:
                problems.append(f"{path}.{key}: unknown parameter")
            else:
                problems += self.of_type(item, fields[key], f"{path}.{key}")
        for key, annotation in fields.items():
            if key not in value and not ast.unparse(annotation).startswith("NotRequired"):
                problems.append(f"{path}.{key}: required and missing")
        return problems

    def of_type(self, value, kind, path):
        if isinstance(kind, ast.Constant) and isinstance(kind.value, str):
            kind = ast.parse(kind.value, mode="eval").body
        if isinstance(kind, ast.BinOp):
            return self.any_of(value, [kind.left, kind.right], path)
        if isinstance(kind, ast.Subscript):
            name, inner = ast.unparse(kind.value), kind.slice
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            if name == "NotRequired":
                return self.of_type(value, inner, path)
            if name in ("Union", "Optional"):
                return self.any_of(value, parts, path)
            if name == "Literal":
                known = [part.value for part in parts]
                return [] if value in known else [f"{path}: {value!r} is none of {known}"]
            if name in ("List", "Dict", "UntypedStripeObject"):
                if not isinstance(value, dict):
                    return [f"{path}: expected {name}, found {value!r}"]
                return [problem for key, item in value.items() for problem in self.of_type(item, parts[-1], f"{path}[{key}]")]
        name = ast.unparse(kind)
        if name in self.classes:
            return self.of_class(value, name, path)
        fits = {"str": r"(?s).*", "int": r"-?\d+", "bool": r"true|false", "Decimal": r"-?\d+(\.\d+)?"}.get(name)
        if fits and isinstance(value, str) and re.fullmatch(fits, value):
            return []
        return [f"{path}: expected {name}, found {value!r}"]

    def any_of(self, value, kinds, path):
        tried = [self.of_type(value, kind, path) for kind in kinds]
        return [] if [] in tried else min(tried, key=len)


def judge(request):
    method, path = request["method"], request["path"]
    found = [call for call in CALLS if call[0] == method and re.fullmatch(call[1], path)]
    if not found:
        return [f"{method} {path}: no call of ours"]
    _, _, file, name = found[0]
    problems = Judge(file).of_class(tree(request["form"]), name, f"{method} {path}")
    if method == "POST" and path in KEYED and not request["idempotency_key"]:
        problems.append(f"{method} {path}: without an idempotency key")
    if request["version"] != stripe.api_version:
        problems.append(f"{method} {path}: version {request['version']}, the package's is {stripe.api_version}")
    return problems


def main(file):
    requests = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))
    problems = [problem for request in requests for problem in judge(request)]
    unseen = [f"{method} {path}: not recorded" for method, path, *_ in CALLS
              if not any(request["method"] == method and re.fullmatch(path, request["path"]) for request in requests)]
    for problem in problems + unseen:
        print(problem)
    if problems or unseen:
        raise SystemExit(1)
    print(f"stripe_params: {len(requests)} requests, nothing to object to")


if __name__ == "__main__":
    main(sys.argv[1])
