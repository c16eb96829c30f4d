#!/usr/bin/env node
"use strict";
/*
 * The `offshoot` command, in JavaScript that Node 12 can parse, so that an old Node prints a clear
 * sentence and not a syntax error. A source checkout runs the TypeScript source; a package has
 * dist/offshoot.cjs and no source.
 */
const fs = require("fs");
const nodeModule = require("module");
const path = require("path");
const url = require("url");

const source = path.join(__dirname, "main.ts");
const bundle = path.join(__dirname, "..", "dist", "offshoot.cjs");
const isSourceCheckout = fs.existsSync(source);
const major = Number(process.versions.node.split(".")[0]);

if (isSourceCheckout && !process.features.typescript) {
  refuse("22.18", 'After "npm ci", run it through npm ("npm run -s offshoot -- --help"), or');
} else if (major < 22) {
  refuse("22", "Install a newer one from https://nodejs.org, or");
} else {
  // Node keeps compiled code between starts, so that a front starts fast.
  if (nodeModule.enableCompileCache) nodeModule.enableCompileCache();
  start().catch(cannotStart);
}

async function start() {
  // The bundle needs require(): import() would first search all of it for exports.
  return isSourceCheckout ? import(url.pathToFileURL(source).href) : require(bundle);
}

function refuse(version, remedy) {
  const current = process.versions.node;
  console.error(`offshoot needs Node ${version} or later, and this is Node ${current}.`);
  console.error(`${remedy} start it with Node ${version} or later.`);
  process.exit(1);
}

function cannotStart(error) {
  console.error(error);
  if (error.code === "ERR_MODULE_NOT_FOUND" || error.code === "MODULE_NOT_FOUND") {
    console.error(
      'A part of offshoot is missing: run "npm ci" in its folder, or install it again.',
    );
  }
  process.exit(1);
}
