// Runs the examples of a Markdown file and compares what they print with what the file says.
//
// Usage: node readme.js README.md http://127.0.0.1:4001
//
// An example is a fenced block of kind sh right after the comment <!-- ci: run -->. If the next
// fenced block is of kind json, the example must print just that: one value, or one in each line,
// in any layout. A value "..." in the file stands for any value. If it is of kind sql, the example
// must print just that text. The URL of the file's examples,
// http://127.0.0.1:4001 or http://localhost:4001, becomes that of the command line.

const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { readFileSync } = require('node:fs')

const MARKER = /^<!--\s*ci:\s*run\s*-->\s*$/
const DEFAULT_URL = /http:\/\/(127\.0\.0\.1|localhost):4001/g

/** The marked blocks, each with the json block that follows it, if one does. */
function examples(markdown) {
  const found = []
  let marked = false
  let open = null
  let last = null
  markdown.split('\n').forEach((line, index) => {
    const fence = /^\s*```\s*(\w*)/.exec(line)
    if (open !== null) {
      if (fence === null) {
        open.lines.push(line)
        return
      }
      if (open.kind === 'sh' && open.marked) {
        last = { line: open.line, script: open.lines.join('\n'), expected: null }
        found.push(last)
      } else if ((open.kind === 'json' || open.kind === 'sql') && last !== null) {
        last.kind = open.kind
        last.expected = open.lines.join('\n')
        last = null
      } else {
        last = null
      }
      open = null
    } else if (fence !== null) {
      open = { kind: fence[1], marked, line: index + 1, lines: [] }
      marked = false
    } else if (MARKER.test(line)) {
      marked = true
      last = null
    }
  })
  return found
}

/** One JSON value, or one in each line. */
function values(text) {
  try {
    return [JSON.parse(text)]
  } catch {
    return text.split('\n').filter((line) => line.trim() !== '').map((line) => JSON.parse(line))
  }
}

/** Puts the actual value where the file says that it does not matter. */
function filled(expected, actual) {
  if (expected === '...') {
    return actual
  }
  if (expected !== null && typeof expected === 'object' && actual !== null && typeof actual === 'object') {
    const copy = Array.isArray(expected) ? [] : {}
    for (const key of Object.keys(expected)) {
      copy[key] = filled(expected[key], actual[key])
    }
    return copy
  }
  return expected
}

function main(file, url) {
  const found = examples(readFileSync(file, 'utf8'))
  if (found.length === 0) {
    throw new Error(`${file} has no example marked with <!-- ci: run -->`)
  }
  for (const example of found) {
    const script = example.script.replaceAll(DEFAULT_URL, url)
    const printed = execFileSync('sh', ['-e', '-c', script], { encoding: 'utf8', timeout: 60000 })
    if (example.kind === 'sql') {
      assert.equal(printed.trimEnd(), example.expected, `${file}:${example.line}`)
    } else if (example.expected !== null) {
      const actual = values(printed)
      assert.deepEqual(actual, filled(values(example.expected), actual), `${file}:${example.line}`)
    }
    console.log(`${file}:${example.line}: ${example.expected === null ? 'ran' : 'as written'}`)
  }
}

try {
  main(process.argv[2], process.argv[3])
} catch (error) {
  console.error(error)
  process.exitCode = 1
}
