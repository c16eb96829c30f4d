/** The tool that reads an address of the web, but nothing on this machine or its local link. */
import { lookup as systemLookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { BlockList, isIP } from "node:net";
import * as z from "zod";
import { defineTool } from "./tool.ts";
import type { Tool, ToolWorld } from "./tool.ts";

const mostBytes = 2 * 1024 * 1024;
const mostRedirects = 5;
const timeoutMs = 30_000;

/** Loopback, link-local (where clouds keep their credentials) and "this host". */
const localAddresses = new BlockList();
localAddresses.addSubnet("127.0.0.0", 8, "ipv4");
localAddresses.addSubnet("169.254.0.0", 16, "ipv4");
localAddresses.addSubnet("0.0.0.0", 8, "ipv4");
localAddresses.addAddress("::1", "ipv6");
localAddresses.addAddress("::", "ipv6");
localAddresses.addSubnet("fe80::", 10, "ipv6");

export function fetchTool({ allowLocalFetch }: ToolWorld): Tool {
  return defineTool({
    name: "fetch_url",
    description:
      "Reads an http or https address with GET and answers its text; HTML comes without its tags. " +
      `At most ${mostBytes} bytes.`,
    kind: "fetch",
    input: z.object({ url: z.string().min(1) }),
    prepare: ({ url }) => {
      const address = parseAddress(url);
      return {
        title: `Fetch ${address.href}`,
        subject: address.href,
        act: async ({ signal }) => ({ text: await fetchText(address, allowLocalFetch, signal) }),
      };
    },
  });
}

function parseAddress(url: string, base?: URL): URL {
  const address = URL.parse(url, base?.href);
  if (address === null) throw new Error(`"${url}" is not an address`);
  if (address.protocol === "http:" || address.protocol === "https:") return address;
  throw new Error(`only http and https can be fetched, not ${address.protocol}`);
}

async function fetchText(first: URL, allowLocal: boolean, signal: AbortSignal): Promise<string> {
  let address = first;
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  for (let redirects = 0; ; redirects += 1) {
    const response = await get(address, allowLocal, bounded);
    const { statusCode = 0, headers } = response;
    if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
      response.destroy();
      if (redirects === mostRedirects) throw new Error(`more than ${mostRedirects} redirects`);
      address = parseAddress(headers.location, address);
      continue;
    }
    const { text, isCut } = await readBody(response);
    const type = headers["content-type"] ?? "";
    const readable = type.includes("html") ? textOfHtml(text) : text;
    const note = isCut ? `\n[cut after ${mostBytes} bytes]` : "";
    if (statusCode >= 400) throw new Error(`status ${statusCode}: ${readable.slice(0, 2_000)}`);
    return `${address.href} (${statusCode}, ${type || "no type"})\n\n${readable}${note}`;
  }
}

/**
 * Addresses are checked where the connection is made, so that a second answer of DNS has no effect.
 */
function get(address: URL, allowLocal: boolean, signal: AbortSignal): Promise<IncomingMessage> {
  const host = address.hostname.replace(/^\[|\]$/g, "");
  if (!allowLocal && isIP(host) !== 0 && isLocal(host)) throw refusal(host);
  const request = address.protocol === "https:" ? httpsRequest : httpRequest;
  const headers = { "user-agent": "offshoot", accept: "text/*, application/json, */*;q=0.5" };
  return new Promise((resolve, reject) => {
    request(address, { signal, headers, agent: false, ...(allowLocal ? {} : { lookup }) })
      .once("response", resolve)
      .once("error", reject)
      .end();
  });
}

const lookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, "", 0);
    const local = addresses.find(({ address }) => isLocal(address));
    if (local !== undefined) return callback(refusal(hostname), "", 0);
    const [one] = addresses;
    if (options.all === true || one === undefined) return callback(null, addresses);
    return callback(null, one.address, one.family);
  });
};

function isLocal(address: string): boolean {
  return localAddresses.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

function refusal(host: string): Error {
  return new Error(`${host} is on this machine or its local link, which may not be fetched`);
}

async function readBody(response: IncomingMessage): Promise<{ text: string; isCut: boolean }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > mostBytes) break;
  }
  response.destroy();
  const body = Buffer.concat(chunks).subarray(0, mostBytes);
  if (body.subarray(0, 8_192).includes(0)) throw new Error(`the answer is binary: ${bytes} bytes`);
  return { text: body.toString("utf8"), isCut: bytes > mostBytes };
}

/** The text of a page, readable but without its layout. */
function textOfHtml(html: string): string {
  return html
    .replaceAll(/<(script|style|noscript|svg|head)\b[\s\S]*?<\/\1\s*>/gi, " ")
    .replaceAll(/<!--[\s\S]*?-->/g, " ")
    .replaceAll(/<(br|\/p|\/div|\/li|\/tr|\/h[1-6])\b[^>]*>/gi, "\n")
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll("&nbsp;", " ")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&")
    .replaceAll(/[ \t]+/g, " ")
    .replaceAll(/\s*\n\s*/g, "\n")
    .trim();
}
