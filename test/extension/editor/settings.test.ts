import { deepEqual, equal, ok } from "node:assert/strict";
import { clientSettings, stateFolder } from "../../../extension/editor/settings.ts";
import { Config } from "../../../protocol/config.ts";
import { checkLeaks } from "../../support/leaks.ts";

function settings(values: Record<string, unknown>) {
  return { get: (name: string) => values[name] };
}

describe("the settings that the daemon gets", () => {
  checkLeaks();

  it("are those that somebody has set, and are a configuration", () => {
    const agents = [{ name: "mine", runner: { kind: "model" } }];
    const given = clientSettings(
      settings({
        agents,
        defaultAgent: "mine",
        defaultModel: "vscode/copilot/gpt-4.1",
        limits: { maxCostUsd: 2 },
        "permissions.mode": "plan",
        notifications: "all",
      }),
    );
    deepEqual(given, {
      agents,
      defaultAgent: "mine",
      defaultModel: "vscode/copilot/gpt-4.1",
      limits: { maxCostUsd: 2 },
      permissions: { mode: "plan" },
    });
    ok(Config.safeParse(given).success);
  });

  it("are none where nothing is set, as the editor says it", () => {
    const empty = {
      agents: [],
      defaultAgent: "",
      defaultModel: "",
      limits: {},
      "permissions.mode": "",
    };
    deepEqual(clientSettings(settings(empty)), {});
    deepEqual(clientSettings(settings({})), {});
    deepEqual(clientSettings(settings({ limits: null })), {});
  });

  it("name the state folder, also below one's home", () => {
    equal(stateFolder(settings({ stateFolder: "~/x" }), "/home/me"), "/home/me/x");
    equal(stateFolder(settings({ stateFolder: " /s " }), "/home/me"), "/s");
    equal(stateFolder(settings({ stateFolder: "/a~/b" }), "/home/me"), "/a~/b");
    equal(stateFolder(settings({ stateFolder: "" }), "/home/me"), undefined);
  });
});
