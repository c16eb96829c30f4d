import { deepEqual, equal } from "node:assert/strict";
import { createFolders } from "../../daemon/base/folders.ts";
import { refusal } from "../support/runs.ts";

describe("looking at folders", () => {
  const isFolder = { isDirectory: () => true };

  it("gives up one that does not answer, and looks at each of them once", async () => {
    const looked: string[] = [];
    const hung = Promise.withResolvers<typeof isFolder>();
    const folders = createFolders({
      answersWithinMs: 50,
      async stat(path) {
        looked.push(path);
        return await (path.startsWith("/hung") ? hung.promise : isFolder);
      },
    });
    const names = ["/hung/a", "/hung/a", "/hung/a/.", "/hung/b", "/hung/c"];
    const refused = await Promise.all(names.map((name) => refusal(folders.checked(name))));
    equal(refused[0]?.message, "the folder /hung/a did not answer within 0.05 s");
    deepEqual(
      refused.map(({ code }) => code),
      names.map(() => 1013),
    );
    deepEqual(looked, ["/hung/a", "/hung/b"], "the store has threads left");
    hung.resolve(isFolder);
    equal(await folders.checked("/hung/c/"), "/hung/c");
    equal(await folders.checked("/well"), "/well");
  });

  it("goes on with the others while one does not answer", async () => {
    const folders = createFolders({
      stat: (path) => (path === "/hung" ? new Promise(() => undefined) : Promise.resolve(isFolder)),
    });
    void refusal(folders.checked("/hung"));
    deepEqual(await Promise.all(["/a", "/b", "/c"].map((folder) => folders.checked(folder))), [
      "/a",
      "/b",
      "/c",
    ]);
  });
});
