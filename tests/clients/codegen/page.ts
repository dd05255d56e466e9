// A page written against the generated types: what `tsc --strict` says of it is tested. It prints what it has read.

import {
  ClassroomFrontPageDocument,
  LogInDocument,
  RefetchDocument,
  StoresLiveDocument,
  UsersDocument,
  type ClassroomFrontPageQuery,
  type StoresLiveSubscription,
  type TypedDocumentString,
} from './gql/graphql.js';

const [url, teacher, admin, classroomId, teacherId] = process.argv.slice(2) as [string, string, string, string, string];

interface Answer<Result> {
  data: Result;
  errors?: { message: string; path?: (string | number)[]; extensions: { code: string } }[];
}

/** Variables may be left out only where the operation has none that are required. */
async function execute<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  token: string | null,
  ...[variables]: Variables extends Record<string, never> ? [] : [Variables]
): Promise<Result> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token !== null) headers['authorization'] = `Bearer ${token}`;
  const body = JSON.stringify({ query: document.toString(), variables });
  const answer = (await (await fetch(url, { method: 'POST', headers, body })).json()) as Answer<Result>;
  if (answer.errors !== undefined) throw new Error(JSON.stringify(answer.errors));
  return answer.data;
}

const page: ClassroomFrontPageQuery = await execute(ClassroomFrontPageDocument, teacher, {
  id: classroomId,
  search: 'How do plants turn light into energy?',
});
// What may be missing is said so: strict code has to ask.
const room = page.classroom;
if (room === null || room === undefined) throw new Error('There is no classroom.');
const name: string = room.name;
const members = room.members?.nodes ?? [];
const roles: ('TEACHER' | 'ASSISTANT' | 'STUDENT')[] = members.map((member) => member.role);
const scheduled: string | null | undefined = room.meetings?.nodes[0]?.scheduledAt;
const score: number | undefined = room.search?.edges[0]?.score;

const accounts = await execute(UsersDocument, admin, { first: 1, filter: { role: { eq: 'ADMIN' } } });
const found = await execute(RefetchDocument, teacher, { id: teacherId, ids: [classroomId, teacherId] });
const refused = await execute(LogInDocument, null, { input: { email: 'nobody@demo.school', password: 'wrong wrong' } });

console.log(
  JSON.stringify({
    name,
    roles: [roles[0], roles.length],
    scheduled: typeof scheduled,
    score: typeof score,
    accounts: accounts.users?.nodes.map((user) => user.role),
    node: found.node && 'name' in found.node ? found.node.name : null,
    types: found.nodes.map((node) => node?.__typename),
    refused: refused.logIn.errors.map((error) => error.code),
  }),
);

/** Never called: what must not pass `tsc --strict`. A line that does pass is an error of its own. */
export async function wrong(event: StoresLiveSubscription): Promise<void> {
  // @ts-expect-error: `search` is required.
  await execute(ClassroomFrontPageDocument, teacher, { id: classroomId });
  // @ts-expect-error: no id is missing.
  await execute(RefetchDocument, teacher, { id: teacherId, ids: [null] });
  // @ts-expect-error: there is no such role.
  await execute(UsersDocument, admin, { first: 1, filter: { role: { eq: 'JANITOR' } } });
  // @ts-expect-error: a page may be missing.
  page.classroom.name.length;
  // @ts-expect-error: nobody asked for the e-mail addresses of members.
  members[0]?.user?.email;
  // @ts-expect-error: a snapshot is missing where changes are told.
  event.storesLive.snapshot.stores.length;
  // @ts-expect-error: a subscription has no variable of this name.
  await execute(StoresLiveDocument, null, { since: 'x' });
}
