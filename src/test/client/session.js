// A small session of rqlite's own JavaScript client, unmodified, against a node of peqlite.
//
// Usage: node session.js http://127.0.0.1:4001

const assert = require('node:assert/strict')
const { DataApiClient } = require('rqlite-js')

async function session(url) {
  const client = new DataApiClient(url)

  const ran = async (statements, options) => {
    const results = await client.execute(statements, options)
    assert.equal(results.hasError(), false, results.toString())
    return results
  }
  const rows = async (statement, options) => {
    const results = await client.query(statement, options)
    assert.equal(results.hasError(), false, results.toString())
    return results.toArray()
  }

  await ran('DROP TABLE IF EXISTS session')
  await ran('CREATE TABLE session (id INTEGER NOT NULL PRIMARY KEY, name TEXT, age INTEGER)')

  const first = await ran("INSERT INTO session(name, age) VALUES('fiona', 20)")
  assert.equal(first.get(0).getLastInsertId(), 1)
  assert.equal(first.get(0).getRowsAffected(), 1)

  // Positional parameters, then named ones.
  await ran([['INSERT INTO session(name, age) VALUES(?, ?)', 'declan', 25]])
  await ran([['INSERT INTO session(name, age) VALUES(:name, :age)', { name: 'sinead', age: 30 }]])

  assert.deepEqual(await rows('SELECT * FROM session ORDER BY id', { level: 'strong' }), [
    { id: 1, name: 'fiona', age: 20 },
    { id: 2, name: 'declan', age: 25 },
    { id: 3, name: 'sinead', age: 30 },
  ])
  assert.deepEqual(await rows([['SELECT name FROM session WHERE age > ?', 22]]), [
    { name: 'declan' },
    { name: 'sinead' },
  ])

  const updated = await ran("UPDATE session SET age = age + 1 WHERE name != 'fiona'")
  assert.equal(updated.get(0).getRowsAffected(), 2)

  // All or nothing.
  const failed = await client.execute(
    ["INSERT INTO session(id, name) VALUES(4, 'aoife')", "INSERT INTO session(id, name) VALUES(1, 'twice')"],
    { transaction: true },
  )
  assert.equal(failed.hasError(), true)
  assert.match(failed.getFirstError().toString(), /UNIQUE constraint failed: session\.id/)
  assert.deepEqual(await rows('SELECT count(*) AS n FROM session'), [{ n: 3 }])

  await ran(
    ["INSERT INTO session(id, name) VALUES(4, 'aoife')", "INSERT INTO session(id, name) VALUES(5, 'niamh')"],
    { transaction: true },
  )
  assert.deepEqual(await rows('SELECT count(*) AS n FROM session'), [{ n: 5 }])

  // An error is a result, not a failed request.
  const unknown = await client.query('SELECT * FROM nowhere')
  assert.match(unknown.getFirstError().toString(), /no such table: nowhere/)

  await ran('DROP TABLE session')
}

session(process.argv[2]).catch((error) => {
  console.error(error)
  process.exitCode = 1
})
