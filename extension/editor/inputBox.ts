/** An input box with more than text and Enter. */
import { window, type InputBox } from "vscode";

/** Resolves with what `close` gets, or with undefined where the box is hidden without that. */
export function showInputBox<Result>(
  prepare: (box: InputBox, close: (result: Result) => void) => void,
): Promise<Result | undefined> {
  const box = window.createInputBox();
  return new Promise((resolve) => {
    box.onDidHide(() => {
      resolve(undefined);
      box.dispose();
    });
    prepare(box, (result) => {
      resolve(result);
      box.hide();
    });
    box.show();
  });
}
