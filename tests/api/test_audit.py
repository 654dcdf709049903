"""The audit trail of real actions: rows, seals, and what tampering looks like."""
import asyncio
import time

from harness import ApiTest


class Audit(ApiTest):
    def verify(self):
        return self.stack.run("audit", "verify", check=False)

    async def sealed(self):
        """Until all rows so far are under a seal."""
        last = self.sql("select max(id) from support.support_activity_logs")[0][0]
        end = time.monotonic() + 15
        while not self.sql("select 1 from support.audit_seals where last_id >= %s", last):
            self.assertLess(time.monotonic(), end, "not sealed")
            await asyncio.sleep(0.2)

    async def test_actions_leave_rows(self):
        start = self.sql("select coalesce(max(id), 0) from support.support_activity_logs")[0][0]
        customer, agent, chat_id = await self.pair(text="audited")
        await customer.send(chat_id, "second")
        await agent.note(chat_id, "note")
        await agent.rest.put(f"/chats/{chat_id}/tags/x")
        await agent.rest.post(f"/chats/{chat_id}/close")
        stranger = self.customer()
        self.assertEqual((await stranger.get("/settings")).status, 403)
        await asyncio.sleep(0.5)
        rows = self.sql("select action, outcome, actor_kind, detail::text from support.support_activity_logs where id > %s order by id", start)
        done = {r[0] for r in rows if r[1] == "done"}
        text = " ".join(sorted(done))
        for word in ("start", "message", "note", "tag", "close", "offer", "assign"):
            self.assertIn(word, text, f"no audit row of {word}")
        self.assertTrue([r for r in rows if r[1] == "denied"], "the refused attempt left no row")
        whole = self.sql("select string_agg(l::text, ' ') from support.support_activity_logs l where id > %s", start)[0][0]
        for secret in ("audited", "second", customer.rest.name, self.stack.staff["agent"]["name"], self.stack.staff["agent"]["email"]):
            self.assertNotIn(secret, whole)

    async def test_one_row_per_message(self):
        customer, _, chat_id = await self.pair()
        start = self.sql("select max(id) from support.support_activity_logs")[0][0]
        for n in range(5):
            await customer.send(chat_id, f"m{n}")
        rows = self.sql("select count(*) from support.support_activity_logs where id > %s and actor_kind = 'customer' and action like '%%message%%'", start)
        self.assertEqual(rows, [(5,)])

    async def test_the_chain_is_whole(self):
        await self.start_chat(self.customer(), "row for the chain")
        await self.sealed()
        done = self.verify()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    async def test_nobody_changes_rows(self):
        import psycopg2
        for role in ("postgres", "supportd_app", "supportd_migrate"):
            with self.stack.postgres.connect(role) as c, c.cursor() as cursor:
                for statement in ("update support.support_activity_logs set action = 'x'", "delete from support.support_activity_logs",
                                  "truncate support.support_activity_logs cascade"):
                    with self.assertRaises(psycopg2.Error, msg=f"{role}: {statement}"):
                        cursor.execute(statement)

    def tamper(self, *statements):
        """As a superuser who switches the triggers off, and on again."""
        with self.stack.postgres.connect() as c, c.cursor() as cursor:
            c.autocommit = False
            cursor.execute("select tgrelid::regclass::text, tgname, tgenabled from pg_trigger where not tgisinternal "
                           "and tgrelid in ('support.support_activity_logs'::regclass, 'support.audit_seals'::regclass)")
            triggers = cursor.fetchall()
            for table in ("support_activity_logs", "audit_seals"):
                cursor.execute(f"alter table support.{table} disable trigger user")
            for statement, args in statements:
                cursor.execute(statement, args)
            count = cursor.rowcount
            for table, name, enabled in triggers:
                word = {"A": "enable always", "O": "enable", "R": "enable replica", "D": "disable"}[enabled]
                cursor.execute(f'alter table {table} {word} trigger "{name}"')
            c.commit()
            return count

    async def test_tampering_is_found(self):
        chat = (await self.start_chat(self.customer(), "to be tampered with"))["chat"]
        self.assertTrue(chat)
        await self.sealed()
        self.assertEqual(self.verify().returncode, 0)
        row, action = self.sql("select id, action from support.support_activity_logs order by id desc limit 1 offset 3")[0]
        table = "support.support_activity_logs"
        self.assertEqual(self.tamper((f"update {table} set action = 'nothing.happened' where id = %s", (row,))), 1)
        done = self.verify()
        self.assertNotEqual(done.returncode, 0, "a changed row was not found")
        self.assertIn(str(row), done.stdout + done.stderr, "the changed row is not named")
        self.tamper((f"update {table} set action = %s where id = %s", (action, row)))
        self.assertEqual(self.verify().returncode, 0, "restored, but not whole")

        self.sql("create table public.kept as select * from support.support_activity_logs where id = %s", row)
        self.tamper((f"delete from {table} where id = %s", (row,)))
        done = self.verify()
        self.assertNotEqual(done.returncode, 0, "a deleted row was not found")
        self.tamper((f"insert into {table} overriding system value select * from public.kept", None))
        self.sql("drop table public.kept")
        self.assertEqual(self.verify().returncode, 0, "restored, but not whole")

    async def test_a_row_put_in_later_is_found(self):
        await self.start_chat(self.customer(), "x")
        await self.sealed()
        row = self.sql("select id from support.support_activity_logs order by id desc limit 1 offset 5")[0][0]
        columns = [r[0] for r in self.sql("select column_name::text from information_schema.columns where table_schema = 'support' "
                                          "and table_name = 'support_activity_logs' order by ordinal_position")]
        values = ", ".join("-1" if c == "id" else c for c in columns)
        self.tamper((f"insert into support.support_activity_logs ({', '.join(columns)}) overriding system value "
                     f"select {values} from support.support_activity_logs where id = %s", (row,)))
        done = self.verify()
        self.tamper(("delete from support.support_activity_logs where id = -1", None))
        self.assertNotEqual(done.returncode, 0, "a row put in later was not found")
        self.assertEqual(self.verify().returncode, 0)

    async def test_a_broken_seal_is_found(self):
        await self.start_chat(self.customer(), "x")
        await self.sealed()
        seal, hash_ = self.sql("select seal_no, hash from support.audit_seals order by seal_no limit 1")[0]
        self.tamper(("update support.audit_seals set hash = decode(md5('x') || md5('y'), 'hex') where seal_no = %s", (seal,)))
        done = self.verify()
        self.tamper(("update support.audit_seals set hash = %s where seal_no = %s", (hash_, seal)))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(str(seal), done.stdout + done.stderr)
        self.assertEqual(self.verify().returncode, 0)
