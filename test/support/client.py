"""A client of Offshoot in Python, of the standard library only, written from protocol.md alone.

    client.py FOLDER COMMAND...     COMMAND starts a front, such as `offshoot --stdio`

It spawns, watches, sends, cancels, waits, disconnects and connects again in FOLDER, and checks what
it gets. It prints one line for each thing that it has found to be true, and ends with 1 at the
first that is not.
"""

import json
import signal
import subprocess
import sys


class Connection:
    """The base protocol: a header with the length, an empty line, JSON in UTF-8."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.last_id = 0
        self.news = []

    def write(self, body):
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def send(self, **message):
        self.write(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def read(self):
        length = None
        while True:
            line = self.process.stdout.readline()
            if line == b"":
                raise EOFError("the front has ended")
            if line == b"\r\n":
                return json.loads(self.process.stdout.read(length))
            name, value = line.decode("ascii").split(":")
            if name.lower() == "content-length":
                length = int(value)

    def answer(self, wanted):
        """Reads until the answer comes; what else comes is news."""
        while True:
            message = self.read()
            if "method" in message:
                self.news.append((message["method"], message["params"]))
            elif message["id"] == wanted:
                return message

    def ask(self, method, **params):
        self.last_id += 1
        self.send(id=self.last_id, method=method, params=params)
        return self.answer(self.last_id)

    def call(self, method, **params):
        answer = self.ask(method, **params)
        check(f"{method} succeeds", "error" not in answer, answer)
        return answer["result"]

    def until(self, method, **wanted):
        """Reads until this has been told of."""
        while True:
            for told, params in self.news:
                if told == method and all(params.get(name) == wanted[name] for name in wanted):
                    return params
            message = self.read()
            check("only news come unasked", "method" in message, message)
            self.news.append((message["method"], message["params"]))

    def about(self, session_id, method):
        found = [p for m, p in self.news if m == method and p.get("childSessionId") == session_id]
        return found

    def open(self, **options):
        result = self.call(
            "initialize",
            processId=None,
            initializationOptions={"offshoot": {"protocolVersion": 1, "clientName": "python", **options}},
        )
        self.send(method="initialized", params={})
        return result

    def close(self):
        self.call("shutdown")
        self.send(method="exit")
        self.process.stdin.close()
        return self.process.wait()


def check(what, is_true, seen=None):
    if not is_true:
        print(f"NOT TRUE: {what}: {json.dumps(seen)}", flush=True)
        sys.exit(1)


def found(what):
    print(what, flush=True)


def watch_a_run(client, folder, watermark):
    spawned = client.call("session/spawn", prompt="echo one; echo two", cwd=folder)["session"]
    check("a spawned session is queued", spawned["status"] == "queued", spawned)
    check("its title is the first line of the prompt", spawned["title"] == "echo one; echo two")
    done = client.until("subAgent/completed", childSessionId=spawned["id"])
    check("it has completed", (done["status"], done["result"]) == ("completed", "one\ntwo\n"), done)
    check("the completion has the next number", done["completionSeq"] == watermark + 1, done)
    check("it is stored and not sent again", done["stored"] and "replayed" not in done, done)
    order = [m for m, p in client.news if p.get("childSessionId") == spawned["id"]]
    order = [m for m in order if m != "subAgent/heartbeat"]
    check("started comes first", order[0] == "subAgent/started", order)
    check("completed comes last", order[-1] == "subAgent/completed", order)
    events = client.about(spawned["id"], "subAgent/event")
    check("events are numbered", [e["seq"] for e in events] == list(range(1, len(events) + 1)), events)
    text = "".join(e["event"]["text"] for e in events if e["event"]["type"] == "output")
    check("the texts joined are the output", text == "one\ntwo\n", text)
    changes = [p["session"] for m, p in client.news if m == "session/changed"]
    versions = [s["version"] for s in changes if s["id"] == spawned["id"]]
    check("versions grow by one", versions == list(range(1, len(versions) + 1)), versions)
    found("a run can be watched from start to end")
    return spawned["id"]


def send_more(client, session_id):
    delivery = client.call("session/send", sessionId=session_id, text="echo three")["delivery"]
    check("a finished session runs again on the text", delivery == "run", delivery)
    waited = client.call("session/wait", sessionIds=[session_id])
    check("nothing is left to wait for", (waited["pending"], waited["timedOut"]) == ([], False), waited)
    check("the new text was run", waited["completions"][0]["result"] == "three\n", waited)
    messages = client.call("session/messages", sessionId=session_id)["messages"]
    said = [(m["role"], m["text"]) for m in messages]
    check("both turns are kept", said[1::2] == [("assistant", "one\ntwo\n"), ("assistant", "three\n")], said)
    found("a message starts another run of the same session")


def cancel_one_of_two(client, folder):
    ids = []
    for _ in range(2):
        params = {"prompt": "echo begun; sleep 1000", "cwd": folder}
        ids.append(client.call("session/spawn", **params)["session"]["id"])
    for session_id in ids:
        client.until("subAgent/event", childSessionId=session_id)
    early = client.call("session/wait", sessionIds=ids, timeoutMs=10)
    check("a wait ends in time", (early["timedOut"], sorted(early["pending"])) == (True, sorted(ids)), early)
    for _ in range(2):
        check("cancel answers at once", client.call("session/cancel", sessionId=ids[0]) == {})
    waited = client.call("session/wait", sessionIds=ids, until="any")
    check("one has ended", [c["childSessionId"] for c in waited["completions"]] == [ids[0]], waited)
    end = waited["completions"][0]
    check("it was cancelled", (end["status"], end["error"]["message"]) == ("cancelled", "Cancelled by user"), end)
    other = client.call("session/get", sessionId=ids[1])["session"]
    check("its sibling is untouched", other["status"] == "running", other)
    client.call("session/cancel", sessionId=ids[1])
    client.until("subAgent/completed", childSessionId=ids[1])
    found("cancel ends one session and not its sibling")


def ask_wrongly(client):
    unknown = client.ask("session/get", sessionId="nobody")["error"]
    data = {"kind": "sessionNotFound", "sessionId": "nobody"}
    check("an unknown session is 1001", (unknown["code"], unknown["data"]) == (1001, data), unknown)
    wrong = client.ask("session/spawn", prompt=7)["error"]
    check("wrong params are -32602", wrong["code"] == -32602, wrong)
    check("with the path", wrong["data"]["issues"][0]["path"] == "prompt", wrong)
    check("an unknown request is -32601", client.ask("no/such")["error"]["code"] == -32601)
    client.write(b"{ this is no JSON")
    check("bad JSON is -32700", client.answer(None)["error"]["code"] == -32700)
    found("faults are answered, and the connection goes on")


def miss_and_catch_up(client, command, folder):
    key = {"requestKey": "python", "prompt": "sleep 0.3; echo while you were away", "cwd": folder}
    away = client.call("session/spawn", **key)["session"]["id"]
    client.until("subAgent/started", childSessionId=away)
    last = max(p["completionSeq"] for m, p in client.news if m == "subAgent/completed")
    check("a front ends with 0 after shutdown", client.close() == 0)

    again = Connection(command)
    again.open()
    check("the key finds the same session", again.call("session/spawn", **key)["session"]["id"] == away)
    again.call("session/wait", sessionIds=[away])
    snapshot = again.call("tree/subscribe", afterCompletion=last)
    check("the watermark has gone on", snapshot["completionSeq"] == last + 1, snapshot["completionSeq"])
    done = again.until("subAgent/completed", childSessionId=away)
    check("what was missed is sent again", (done["completionSeq"], done["replayed"]) == (last + 1, True), done)
    state = [s for s in snapshot["sessions"] if s["id"] == away][0]
    check("the snapshot knows it too", state["status"] == "completed", state)
    lasts = again.call("session/subscribe", sessionId=away, after=0)["lastSeq"]
    again.until("subAgent/event", childSessionId=away, seq=lasts)
    seqs = [e["seq"] for e in again.about(away, "subAgent/event")]
    check("its events are all there", seqs == list(range(1, lasts + 1)), seqs)
    found("nothing is missed while away")
    return again


def main(folder, command):
    client = Connection(command)
    result = client.open()
    offshoot = result["capabilities"]["experimental"]["offshoot"]
    check("this is Offshoot", result["serverInfo"]["name"] == "offshoot", result)
    check("it speaks version 1", offshoot["protocolVersion"] == 1, offshoot)
    watermark = client.call("tree/subscribe", events="all")["completionSeq"]
    session_id = watch_a_run(client, folder, watermark)
    send_more(client, session_id)
    cancel_one_of_two(client, folder)
    ask_wrongly(client)
    again = miss_and_catch_up(client, command, folder)
    check("it ends with 0", again.close() == 0)
    found("done")


if __name__ == "__main__":
    signal.alarm(60)
    main(sys.argv[1], sys.argv[2:])
