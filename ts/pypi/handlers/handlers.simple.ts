import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { queryText, respond } from '../../core/pipeline/helpers.http.js';
import { isEmpty } from '../helpers.document.js';
import type { IPypiParts } from '../interfaces.parts.js';
import type { IPypiDocument } from '../interfaces.pypi.js';
import { documentKey } from '../keys.pypi.js';
import { chooseForm, formNamed, type ISimpleForm } from '../wire/wire.forms.js';
import { assertReadableName } from '../wire/wire.names.js';
import { projectsRender } from '../wire/wire.projects.js';
import { renderProjectHtml, renderProjectJson } from '../wire/wire.simple.js';

/** The form in the query (PEP 691 allows it to servers) has precedence: a person types it into a browser. */
const formOf = (call: RegistryCall): ISimpleForm =>
  formNamed(call.query('format')) ?? chooseForm(call.header('accept'));

/** The query goes with the redirect: it may ask for a form of the page. */
const redirect = (call: RegistryCall, path: string): IResponse => {
  const query = queryText(call.context.query);
  const location = call.linkTo(path) + (query && `?${query}`);
  return respond(301, 'The page is at its normalised address\n', { Location: location, 'Cache-Control': 'no-cache' });
};

/** GET /simple: clients join relative links to the address of the page, so it has to end with a slash. */
export const redirectToList = async (call: RegistryCall): Promise<IResponse> => redirect(call, '/simple/');

/** GET /simple/: all projects. */
export const listProjects = (call: RegistryCall, pypi: IPypiParts): Promise<IResponse> => {
  const form = formOf(call);
  return call.serveListing(pypi.catalog, { variant: form.contentType, render: projectsRender(form) });
};

/** GET /simple/{project}: the page with its slash, under the normalised name. */
export const redirectToProject = async (call: RegistryCall): Promise<IResponse> => {
  const project = assertReadableName(call.params.project as string);
  const document = await call.storage.read<IPypiDocument>(documentKey(project));
  if (!document || isEmpty(document.value)) throw call.absent();
  return redirect(call, `/simple/${project}/`);
};

/** GET /simple/{project}/: the files of a project. */
export const getProject = async (call: RegistryCall): Promise<IResponse> => {
  const project = assertReadableName(call.params.project as string);
  if (project !== call.params.project) return redirectToProject(call);
  const { kind, contentType } = formOf(call);
  const isSecure = call.publicUrl.startsWith('https:');
  const served = await call.serveDocument<IPypiDocument>(documentKey(project), {
    variant: `${contentType}${isSecure ? ' secure' : ''}`,
    about: { kind: 'document', packageName: project, contentType },
    repeatable: true,
    render: (document, publicUrl) => {
      if (isEmpty(document)) return null;
      const render = kind === 'json' ? renderProjectJson : renderProjectHtml;
      const body = render(document, { project, publicUrl, isSecure });
      return { body, contentType, lastModified: new Date(document.modified) };
    },
  });
  if (!served) throw call.absent();
  return served;
};
