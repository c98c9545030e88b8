"""Judge: the fields of Stripe objects in sample events, by the classes of the official package.

    python stripe_objects.py FOLDER_OF_EVENTS

Each object may only have fields that its class has, and must have those that are not optional. Ends with 0 when all do.
"""

import ast
import json
import pathlib
import sys

import stripe

PACKAGE = pathlib.Path(stripe.__file__).parent
FREE = ("UntypedStripeObject", "Dict", "Any")


class Shape:
    """The fields of a class: their annotations, and the classes written inside of it."""

    def __init__(self, node, outer=None):
        self.outer = outer
        self.fields = {item.target.id: ast.unparse(item.annotation) for item in node.body if isinstance(item, ast.AnnAssign)}
        self.inner = {item.name: Shape(item, self) for item in node.body if isinstance(item, ast.ClassDef)}

    def find(self, annotation):
        names = {word.id for word in ast.walk(ast.parse(annotation)) if isinstance(word, ast.Name)}
        shape = self
        while shape:
            for name in names:
                if name in shape.inner:
                    return shape.inner[name]
            shape = shape.outer
        return None


def shapes():
    found = {}
    for file in [*PACKAGE.glob("_*.py"), *PACKAGE.glob("*/_*.py")]:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                shape = Shape(node)
                names = [item for item in node.body if isinstance(item, ast.AnnAssign) and item.target.id == "OBJECT_NAME" and item.value]
                if names:
                    found[ast.literal_eval(names[0].value)] = shape
    return found


def judge(value, shape, path, known, problems):
    if isinstance(value, list):
        for index, item in enumerate(value):
            judge(item, shape, f"{path}[{index}]", known, problems)
        return
    if not isinstance(value, dict):
        return
    name = value.get("object")
    if isinstance(name, str):
        shape = known.get(name, shape)
    if shape is None:
        problems.append(f"{path}: no class for it")
        return
    for name, field in value.items():
        annotation = shape.fields.get("from_" if name == "from" else name)
        if annotation is None:
            problems.append(f"{path}.{name}: the class has no such field")
        elif not any(word in annotation for word in FREE) and isinstance(field, (dict, list)):
            judge(field, shape.find(annotation), f"{path}.{name}", known, problems)
    for name, annotation in shape.fields.items():
        optional = annotation.startswith(("Optional", "ClassVar"))
        if not optional and name not in value:
            problems.append(f"{path}: {name} is missing")
        elif not optional and value.get(name) is None:
            problems.append(f"{path}: {name} is null")


def main(folder):
    known, problems = shapes(), []
    files = sorted(pathlib.Path(folder).glob("*.json"))
    if not files:
        raise SystemExit(f"no events in {folder}")
    for file in files:
        event = json.loads(file.read_text(encoding="utf-8"))
        judge(event, known["event"], file.name, known, problems)
        judge(event["data"]["object"], None, f"{file.name}: object", known, problems)
    for problem in problems:
        print(problem)
    if problems:
        raise SystemExit(1)
    print(f"stripe_objects: {len(files)} events, nothing to object to")


if __name__ == "__main__":
    main(sys.argv[1])
