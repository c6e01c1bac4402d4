import { readFileSync } from 'node:fs';

/** The project that the installer builds with each Maven: it pins the plugins, which lie on this machine since then. */
const warm = readFileSync(new URL('../../../../.ci/maven-warm/pom.xml', import.meta.url), 'utf8');
const partOf = (element: string): string => new RegExp(`^ *<${element}>.*</${element}>`, 'ms').exec(warm)?.[0] ?? '';
const PLUGINS = partOf('pluginManagement');
const PROPERTIES = partOf('properties');
const mojo = readFileSync(
  new URL('../../../../.ci/maven-warm/warm-maven-plugin/src/main/java/com/example/SayMojo.java', import.meta.url),
  'utf8',
);
const pluginDependencies = /<dependencies>.*<\/dependencies>/s.exec(
  readFileSync(new URL('../../../../.ci/maven-warm/warm-maven-plugin/pom.xml', import.meta.url), 'utf8'),
)?.[0];

export const GROUP = 'com.example.ring';
export const GROUP_PATH = 'com/example/ring';

export interface ICoordinates {
  artifact: string;
  version: string;
  packaging?: string;
}

const coordinates = ({ artifact, version, packaging = 'jar' }: ICoordinates): string =>
  `<groupId>${GROUP}</groupId><artifactId>${artifact}</artifactId><version>${version}</version><packaging>${packaging}</packaging>`;

export const dependency = (artifact: string, version?: string, more = ''): string =>
  `<dependency><groupId>${GROUP}</groupId><artifactId>${artifact}</artifactId>${version === undefined ? '' : `<version>${version}</version>`}${more}</dependency>`;

export const parentOf = (artifact: string, version: string, more = '<relativePath/>'): string =>
  `<parent><groupId>${GROUP}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>${more}</parent>`;

/** A POM of its own. */
export const pom = (about: ICoordinates, body = '', plugins = ''): string =>
  `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>${coordinates(about)}
${PROPERTIES}${body}<build>${PLUGINS}<plugins>${plugins}</plugins></build></project>\n`;

/** A POM with a parent, which gives it its plugins. */
export const childPom = (parent: string, artifact: string, body = ''): string =>
  `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>${parent}<artifactId>${artifact}</artifactId>${body}</project>\n`;

const SOURCES =
  '<plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-source-plugin</artifactId></plugin>';

/** The name of a package of Java that belongs to an artifact. */
const packageOf = (artifact: string): string => artifact.replaceAll('-', '_');

/** A class with one method that returns this word. */
export const libraryFiles = (artifact: string, says: string): Record<string, string> => ({
  [`src/main/java/${packageOf(artifact)}/Lib.java`]: `package ${packageOf(artifact)};\n\npublic class Lib {\n  public static String says() {\n    return "${says}";\n  }\n}\n`,
});

/** A library with a jar of its sources. */
export const library = (artifact: string, version: string, says = version, body = ''): Record<string, string> => ({
  'pom.xml': pom({ artifact, version }, body, SOURCES),
  ...libraryFiles(artifact, says),
});

/** A program that calls these libraries: it compiles only if Maven has got them. */
export const programFiles = (libraries: readonly string[]): Record<string, string> => ({
  'src/main/java/App.java': `public class App {\n  public static void main(String[] args) {\n${libraries
    .map((artifact) => `    System.out.println(${packageOf(artifact)}.Lib.says());\n`)
    .join('')}  }\n}\n`,
});

/** A plugin of Maven with the goal `say`. */
export const mavenPlugin = (artifact: string, version: string): Record<string, string> => ({
  'pom.xml': pom({ artifact, version, packaging: 'maven-plugin' }, pluginDependencies),
  'src/main/java/com/example/SayMojo.java': mojo,
});
