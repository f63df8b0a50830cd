"""What all benchmarks make of their figures: a measurement, a table of them in Markdown, and the file that --json names."""
import json
import statistics


def measurement(name, unit, values, against=None, ratio=None):
    return {"name": name, "unit": unit, "median": statistics.median(values), "min": min(values), "max": max(values),
            "rounds": len(values), "against": against, "ratio": ratio and round(ratio, 4)}


def table(measured):
    lines = ["| measurement | median | min | max | unit | ratio | against |", "|---|---:|---:|---:|---|---:|---|"]
    lines += [f"| {m['name']} | {m['median']:,.5g} | {m['min']:,.5g} | {m['max']:,.5g} | {m['unit']} | {m['ratio'] or ''} | {m['against'] or ''} |" for m in measured]
    return "\n".join(lines)


def write(path, measured):
    """One measurement a line; without a path, nothing."""
    if path:
        path.write_text("[\n" + ",\n".join("  " + json.dumps(m) for m in measured) + "\n]\n")
