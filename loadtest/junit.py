"""The result as JUnit XML: a test case for each objective, for CI to show."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from loadtest.result import Result


def to_junit(result: Result) -> bytes:
    """One suite; besides the objectives, that the server lives and that the generator kept up."""
    suite = Xml.Element("testsuite", name=f"ccserver-load {result.scenario}")
    suite.set("timestamp", result.began)
    suite.set("time", f"{result.seconds:.3f}")
    failures = 0
    for judged in result.objectives:
        case = _case(suite, result, f"{judged.measure} {judged.wanted}")
        if not judged.met:
            failures += 1
            found = "nothing was measured" if judged.found is None else f"found {judged.found:.6g}"
            Xml.SubElement(case, "failure", message=found)
    lives = _case(suite, result, "the server lives")
    if result.died is not None:
        failures += 1
        Xml.SubElement(lives, "failure", message=result.died)
    kept_up = _case(suite, result, "the generator kept up")
    if result.own.complaint is not None:
        Xml.SubElement(kept_up, "skipped", message=result.own.complaint)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(failures))
    Xml.indent(suite)
    return bytes(Xml.tostring(suite, encoding="utf-8", xml_declaration=True))


def of_a_false_start(scenario: str, why: str) -> bytes:
    """One suite with one failure: the server was not fit for a first call."""
    suite = Xml.Element("testsuite", name=f"ccserver-load {scenario}", tests="1", failures="1")
    case = Xml.SubElement(suite, "testcase", classname=scenario, name="the server lives")
    Xml.SubElement(case, "failure", message=why)
    Xml.indent(suite)
    return bytes(Xml.tostring(suite, encoding="utf-8", xml_declaration=True))


def _case(suite: Xml.Element, result: Result, name: str) -> Xml.Element:
    return Xml.SubElement(suite, "testcase", classname=result.scenario, name=name)
