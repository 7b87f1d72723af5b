# SPDX-License-Identifier: Apache-2.0
"""Python requests. argv: URL, JSON {"bodies": […], "timeout": s, "pauses": […], "retries": n,
"wait": s between retries, "session": bool}. Prints what an application's log would have."""
import json
import sys
import time

import requests


def say(*words):
    print(f"{time.time():.3f} requests:", *words, flush=True)


def main():
    url, plan = sys.argv[1], json.loads(sys.argv[2])
    sender = requests.Session() if plan.get("session") else requests
    pauses = plan.get("pauses", [])
    for index, body in enumerate(plan["bodies"]):
        for attempt in range(plan.get("retries", 0) + 1):
            try:
                answer = sender.post(url, data=body, timeout=plan.get("timeout"),
                                     headers={"Content-Type": "application/x-www-form-urlencoded",
                                              **plan.get("headers", {})})
                say(f"attempt {attempt + 1}:", answer.status_code, answer.text[:60])
                break
            except requests.exceptions.RequestException as error:
                say(f"attempt {attempt + 1}: {type(error).__name__}: {error}")
            if attempt < plan.get("retries", 0):
                time.sleep(plan.get("wait", 0))
        if index < len(pauses):
            time.sleep(pauses[index])
    time.sleep(plan.get("linger", 0))


main()
