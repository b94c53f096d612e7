"""Checks AuditEvents on standard input with fhir.resources: R5, and R4B, whose AuditEvent is that of R4."""
import json
import sys

from fhir.resources.auditevent import AuditEvent as R5
from fhir.resources.R4B.auditevent import AuditEvent as R4

events = json.load(sys.stdin)
problems = []
for item in events:
    try:
        (R4 if item["release"] == "r4" else R5).model_validate(item["event"])
    except Exception as error:  # every kind of refusal is a finding
        problems.append(f"{item['release']} {item['event']}: {error}")
print(json.dumps({"checked": len(events), "problems": problems}))
