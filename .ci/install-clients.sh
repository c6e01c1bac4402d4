#!/usr/bin/env bash
# Installs the clients, runtimes and servers that the test rings use, each at a pinned version and each in a folder of
# its own below $SMARTREGISTRY_TOOLS, but for a few that are packages of the system. They are no devDependencies on purpose: a `node` or `npm` in
# node_modules/.bin would silently become the one that every package script runs on.
#
#   bash .ci/install-clients.sh             everything that the test rings use
#   bash .ci/install-clients.sh peers       the servers that only the benches use, which compare ours with them
#   bash .ci/install-clients.sh npm-11 bun  only these
#
# What is there already is left alone. A download that hangs is ended after a while and tried once more. A tool that
# cannot be had is reported at the end and makes the exit code non-zero.
set -u

TOOLS="${SMARTREGISTRY_TOOLS:-$HOME/.cache/smartregistry-tools}"
mkdir -p "$TOOLS"

# name | npm packages (the first one is the tool) | command that proves that it runs, from inside the folder
NPM_TOOLS='
node-22|node@22.23.3|node_modules/node/bin/node --version
deno|deno@2.9.6|node_modules/.bin/deno --version
bun|bun@1.4.5|node_modules/.bin/bun --version
npm-10|npm@10.9.9|node node_modules/npm/bin/npm-cli.js --version
npm-11|npm@11.21.2|node node_modules/npm/bin/npm-cli.js --version
pnpm-10|pnpm@10.34.9|node node_modules/pnpm/bin/pnpm.cjs --version
pnpm-12|pnpm@12.21.0|node_modules/.bin/pnpm --version
yarn-1|yarn@1.22.22|node node_modules/yarn/bin/yarn.js --version
yarn-4|@yarnpkg/cli-dist@4.18.1|node node_modules/@yarnpkg/cli-dist/bin/yarn.js --version
verdaccio|verdaccio@6.10.4|test -f node_modules/verdaccio/bin/verdaccio
'
# Servers that only the benches use.
PEERS='verdaccio distribution pypi-peers'
# Go programs are built without what makes them fast, which is a quarter of the work; but for the servers that are measured.
GO_MEASURED='versitygw distribution'
# name, also of the program | Go module | minutes that a build may take.
# S3 servers for the S3 driver's rings (MinIO is a second opinion), clients of container registries, the official
# conformance program of their specification, and the registry that we compare ourselves with.
GO_TOOLS='
versitygw|github.com/versity/versitygw/cmd/versitygw@v1.8.0|7
minio|github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c|7
crane|github.com/google/go-containerregistry/cmd/crane@v0.22.1|4
oras|oras.land/oras/cmd/oras@v1.3.6|4
regctl|github.com/regclient/regclient/cmd/regctl@v0.11.7|4
oci-conformance|github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111|4
distribution|github.com/distribution/distribution/v3/cmd/registry@v3.1.2|7
helm|helm.sh/helm/v3/cmd/helm@v3.22.0|7
ko|github.com/google/ko@v0.19.1|7
'
# Modules that cannot be installed by `go install`, since their go.mod replaces or excludes others: folder | module |
# packages below it | minutes.
GO_MODULES='
umoci|github.com/opencontainers/umoci@v0.6.0|cmd/umoci|7
buildkit|github.com/moby/buildkit@v0.34.2|cmd/buildctl cmd/buildkitd|10
'
# Libraries and programs of Python, together in one folder: folder | packages. pdm does not start with hishel 2.
PYTHON_TOOLS='
oci-python|python-dxf==12.1.1 oras==0.2.43
pypi-clients|pip==26.3 uv==0.13.9 twine==7.0.0
pypi-poetry|poetry==2.5.1
pypi-pdm|pdm==2.29.4 hishel==1.4.0
pypi-builders|hatch==1.18.2 hatchling==1.33.0 flit==4.2.0 flit_core==4.2.0 maturin==1.16.0 build==1.6.1 setuptools==84.2.1 pypi-attestations==0.0.30
pypi-peers|devpi-server==6.20.3 pypiserver==2.4.2 passlib==1.7.4
'
# Debian packages that are unpacked and not installed, as they are beside a newer one or would start a
# service: folder | packages.
UNPACKED_TOOLS='
docker-20|docker.io containerd runc
nginx|nginx
ivy|ivy
'
# The Rust toolchain that has the cargo of the tests; rustup installs it.
RUST_TOOLCHAIN=1.95.0
# Debian packages of a newer suite, unpacked and not installed, with what they need: folder | suites | packages | which of
# the packages that they need (`all`: only those that are the same on every architecture, since the rest is the system's
# own PHP or Ruby; `any`: each of them; `none`: a program that needs nothing but the C library) | command that proves that
# it runs, from inside the folder. What a later suite has is unpacked over the earlier ones. `adapt_` and the folder's name
# up to its first hyphen is the function that makes it run from where it lies.
NEWER_TOOLS='
cosign|trixie|cosign|none|usr/bin/cosign version 2>&1 | grep GitVersion
composer-2.11|forky sid|composer|all|php -d auto_prepend_file=usr/share/php/php84.php -d include_path=usr/share/php:/usr/share/php usr/bin/composer --version | head -n 1
ruby-3.6|trixie|ruby-rubygems ruby-bundler|all|bin/ruby -e "puts Gem::VERSION" && bin/bundle --version
ruby-4|forky|ruby ruby-bundler|any|bin/ruby -e "puts Gem::VERSION" && bin/bundle --version
'
# What Maven's central repository has, fetched by the system's Maven with the user's own settings: Maven itself as an
# archive, and programs of jars with all that they need: folder | artifact.
MAVEN_ARCHIVES='
maven-3.9|org.apache.maven:apache-maven:3.9.16:tar.gz:bin
maven-3.10|org.apache.maven:apache-maven:3.10.0:tar.gz:bin
maven-4|org.apache.maven:apache-maven:4.0.0-rc-4:tar.gz:bin
'
# SBT_SCALA: the Scala that this sbt itself runs on, which its plugins are compiled by.
SBT_VERSION=1.11.7 SBT_SCALA=2.12.20
JAR_TOOLS="
sbt|org.scala-sbt:sbt-launch:$SBT_VERSION
coursier|io.get-coursier:coursier-cli_2.13:2.1.24
"
MAVEN_DEPENDENCY_PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:3.8.1
optional='minio'
# Programs that the system's own packages bring, of the system's version: the program, and its package if that has another
# name; several packages are joined by a plus sign.
DEBIAN_TOOLS='skopeo buildah podman javac=default-jdk-headless mvn=maven lein=leiningen gradle composer=composer+php-cli+php-curl+php-zip ruby gem=ruby bundle=ruby-bundler redis-server postgres=postgresql'

missing=()
# wanted NAME ARGUMENT…: whether the arguments of this script ask for the tool.
wanted() {
  local name=$1 one; shift
  if [ $# -eq 0 ]; then
    [[ " $PEERS " != *" $name "* ]]
    return
  fi
  for one in "$@"; do
    [ "$one" = "$name" ] && return 0
    [ "$one" = peers ] && [[ " $PEERS " == *" $name "* ]] && return 0
  done
  return 1
}

# Runs a command with a limit in seconds, twice at most.
twice() {
  local seconds=$1; shift
  timeout --kill-after=10 "$seconds" "$@" && return 0
  echo "  again: $*" >&2
  timeout --kill-after=10 "$seconds" "$@"
}

install_npm_tool() {
  local name=$1 spec=$2 proof=$3
  local folder="$TOOLS/$name" stamp="$TOOLS/$name/.installed"
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$spec" ]; then
    echo "have     $name ($spec)"
    return 0
  fi
  local fresh; fresh=$(mktemp -d "$TOOLS/.new-$name-XXXXXX")
  # verdaccio's audit plugin asks for node-fetch by a dist-tag (`cjs`) that not every registry mirror serves.
  echo '{"private":true,"overrides":{"node-fetch":"2.6.7"}}' > "$fresh/package.json"
  # Some tools fetch or link their binary in an install script, so scripts have to be on, whatever the user's setting.
  if (cd "$fresh" && twice 240 npm install --no-audit --no-fund --no-update-notifier --ignore-scripts=false \
        --loglevel=error "$spec" > npm.log 2>&1) \
     && (cd "$fresh" && timeout 60 bash -c "$proof" > proof.log 2>&1); then
    echo "$spec" > "$fresh/.installed"
    rm -rf "$folder" && mv "$fresh" "$folder"
    echo "got      $name ($spec)"
  else
    echo "MISSING  $name ($spec):"
    tail -n 5 "$fresh"/npm.log "$fresh"/proof.log 2>/dev/null | sed 's/^/         /'
    rm -rf "$fresh"
    missing+=("$name")
  fi
}

go_flags() {
  [[ " $GO_MEASURED " == *" $1 "* ]] && echo '-mod=mod' || echo "-mod=mod '-gcflags=all=-N -l' -ldflags=-w"
}

install_go_tool() {
  local name=$1 module=$2 minutes=$3
  local folder="$TOOLS/$name" path="${module%@*}" version="${module##*@}"
  if [ -f "$folder/.installed" ] && [ "$(cat "$folder/.installed")" = "$module" ] && [ -x "$folder/$name" ]; then
    echo "have     $name ($module)"
    return 0
  fi
  if ! command -v go > /dev/null; then
    echo "MISSING  $name ($module): no Go on this machine"
    missing+=("$name")
    return 0
  fi
  mkdir -p "$folder"
  # `go install` leaves a binary of the same module version in GOBIN: what is there already costs nothing to take.
  # Go names a program by the last part of its path, which need not be the name of the tool.
  local built="${path##*/}"
  local present about; present="$(go env GOPATH)/bin/$built"
  about=$(go version -m "$present" 2>/dev/null)
  if grep -qE "^[[:space:]]path[[:space:]]$path\$" <<< "$about" \
     && grep -qE "^[[:space:]]mod[[:space:]].*[[:space:]]$version([[:space:]]|\$)" <<< "$about"; then
    ln -sf "$present" "$folder/$name"
  elif ! GOBIN="$folder" GOFLAGS="$(go_flags "$name")" twice $((minutes * 60)) go install "$module" > "$folder/go.log" 2>&1; then
    echo "MISSING  $name ($module):"
    tail -n 5 "$folder/go.log" | sed 's/^/         /'
    if [ "$name" = "$optional" ]; then
      echo "         (its tests are skipped)"
    else
      missing+=("$name")
    fi
    return 0
  elif [ "$built" != "$name" ]; then
    mv -f "$folder/$built" "$folder/$name"
  fi
  echo "$module" > "$folder/.installed"
  echo "got      $name ($module)"
}

# give_up NAME WHAT LOG…: what failed is reported now, and named at the end.
give_up() {
  local name=$1 what=$2; shift 2
  echo "MISSING  $name ($what):"
  tail -n 5 "$@" 2>/dev/null | sed 's/^/         /'
  missing+=("$name")
}

# has_stamp NAME SPEC: whether this very thing was installed.
has_stamp() {
  [ -f "$TOOLS/$1/.installed" ] && [ "$(cat "$TOOLS/$1/.installed")" = "$2" ] && echo "have     $1 ($2)"
}

install_go_module() {
  local name=$1 module=$2 packages=$3 minutes=$4
  local folder="$TOOLS/$name" path="${module%@*}" package
  has_stamp "$name" "$module" && return 0
  mkdir -p "$folder/module"
  if ! (
    cd "$folder/module" || exit 1
    [ -f go.mod ] || go mod init example.org/tools
    twice 300 go get "$module" || exit 1
    for package in $packages; do
      GOFLAGS="$(go_flags "$name")" twice $((minutes * 60)) go build -o "$folder/${package##*/}" "$path/$package" || exit 1
    done
  ) > "$folder/go.log" 2>&1; then
    give_up "$name" "$module" "$folder/go.log"
    return 0
  fi
  echo "$module" > "$folder/.installed"
  echo "got      $name ($module)"
}

install_python_tool() {
  local name=$1 packages=$2
  local folder="$TOOLS/$name"
  has_stamp "$name" "$packages" && return 0
  mkdir -p "$folder"
  # shellcheck disable=SC2086  # the packages are words
  if python3 -m venv "$folder" > "$folder/pip.log" 2>&1 \
     && twice 240 "$folder/bin/pip" install --quiet --disable-pip-version-check $packages >> "$folder/pip.log" 2>&1; then
    echo "$packages" > "$folder/.installed"
    echo "got      $name ($packages)"
  else
    give_up "$name" "$packages" "$folder/pip.log"
  fi
}

unpack_debian_packages() {
  local name=$1 packages=$2
  local folder="$TOOLS/$name" debs
  has_stamp "$name" "$packages" && return 0
  mkdir -p "$folder"
  debs=$(mktemp -d)
  chmod 777 "$debs"
  # shellcheck disable=SC2086  # the packages are words
  if (cd "$debs" && { timeout 120 apt-get -qq download $packages || { twice 180 apt-get -qq update && twice 180 apt-get -qq download $packages; }; }) \
       > "$folder/apt.log" 2>&1 \
     && for deb in "$debs"/*.deb; do dpkg -x "$deb" "$folder" || exit 1; done >> "$folder/apt.log" 2>&1; then
    echo "$packages" > "$folder/.installed"
    echo "got      $name ($packages)"
  else
    give_up "$name" "$packages" "$folder/apt.log"
  fi
  rm -rf "$debs"
}

# A link to the toolchain: a test has a home of its own, and rustup's own programs look for toolchains in the home.
install_cargo() {
  local folder="$TOOLS/cargo" program
  has_stamp cargo "$RUST_TOOLCHAIN" && [ -x "$folder/toolchain/bin/cargo" ] && return 0
  mkdir -p "$folder"
  local rustup; rustup=$(command -v rustup || echo "$HOME/.cargo/bin/rustup")
  program=$("$rustup" which --toolchain "$RUST_TOOLCHAIN" cargo 2> "$folder/rustup.log") \
    || { twice 300 "$rustup" toolchain install "$RUST_TOOLCHAIN" --profile minimal --no-self-update >> "$folder/rustup.log" 2>&1 \
         && program=$("$rustup" which --toolchain "$RUST_TOOLCHAIN" cargo 2>> "$folder/rustup.log"); }
  if [ -n "$program" ] && "$program" --version >> "$folder/rustup.log" 2>&1; then
    ln -sfn "$(dirname "$(dirname "$program")")" "$folder/toolchain"
    echo "$RUST_TOOLCHAIN" > "$folder/.installed"
    echo "got      cargo ($RUST_TOOLCHAIN)"
  else
    give_up cargo "$RUST_TOOLCHAIN" "$folder/rustup.log"
  fi
}

# newer_packages FOLDER MIRROR SUITE ARCHITECTURES PACKAGE…: fetches packages of a suite, and what they need, without
# touching the system's own lists and packages.
newer_packages() {
  local work=$1 mirror=$2 suite=$3 architectures=$4; shift 4
  mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/debs"
  chmod -R 777 "$work"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$work/sources.list"
  local apt=(apt-get -qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/nonexistent
    -o "Dir::State=$work/state" -o Dir::State::status=/dev/null -o "Dir::Cache=$work/cache" -o Debug::NoLocking=1)
  twice 180 "${apt[@]}" update || return 1
  local needed='' ending='_all'
  [ "$architectures" = any ] && ending=''
  [ "$architectures" = none ] \
    || needed=$("${apt[@]}" install --print-uris -y --no-install-recommends "$@" | sed -nE "s/^'[^']*' ([^_ ]*)_[^ ]*$ending\.deb .*/\1/p")
  # shellcheck disable=SC2086  # the packages are words
  (cd "$work/debs" && twice 300 "${apt[@]}" download "$@" $needed)
}

# A program that runs from anywhere.
adapt_cosign() { :; }

# adapt_composer FOLDER PLACE: what is in FOLDER will lie in PLACE.
adapt_composer() {
  # functions of PHP 8.4, which Debian's own newer PHP has
  cat > "$1/usr/share/php/php84.php" <<'PHP' || return 1
<?php
if (!function_exists('array_find')) {
    function array_find_key(array $list, callable $is) { foreach ($list as $key => $one) { if ($is($one, $key)) { return $key; } } return null; }
    function array_find(array $list, callable $is) { $key = array_find_key($list, $is); return $key === null ? null : $list[$key]; }
    function array_any(array $list, callable $is): bool { return array_find_key($list, $is) !== null; }
    function array_all(array $list, callable $is): bool { return !array_any($list, fn ($one, $key) => !$is($one, $key)); }
}
PHP
  # the libraries name each other by their place
  grep -rlZ "'/usr/share/php" "$1/usr" | xargs -0 sed -i "s#'/usr/share/php#'$2/usr/share/php#g"
}

# adapt_ruby FOLDER PLACE: programs `ruby`, `gem` and `bundle` in PLACE/bin that use the RubyGems and the Bundler of these
# packages. A Ruby that is one of the packages is started by their own loader, since it needs their C library.
adapt_ruby() (
  place=$2
  cd "$1" || exit 1
  start=$(command -v ruby)
  libraries="$place/$(echo usr/share/rubygems-integration/all/gems/bundler-*/lib):$place/usr/lib/ruby/vendor_ruby"
  own=$(find usr/bin -name 'ruby[0-9]*' | head -n 1)
  if [ -n "$own" ]; then
    version="${own#usr/bin/ruby}.0"
    native=$(echo usr/lib/*-linux-gnu)
    loader=$(find usr/lib usr/lib64 -maxdepth 1 -name 'ld-linux*' | head -n 1)
    start="$place/$loader --library-path $place/$native $place/$own"
    libraries="$libraries:$place/usr/lib/ruby/$version:$place/$native/ruby/$version"
  fi
  [ -n "$start" ] && mkdir -p bin || exit 1
  for program in ruby gem bundle; do
    script=''
    [ "$program" != ruby ] && script="'$place/usr/bin/$program'"
    # without the gemspec of this Bundler, that of the Bundler which Ruby itself brings would count for it
    printf '#!/bin/sh\nexport RUBYLIB="%s" GEM_PATH="${GEM_PATH:+$GEM_PATH:}%s"\nexec %s --disable-gems -rrubygems %s "$@"\n' \
      "$libraries" "$place/usr/share/rubygems-integration/all" "$start" "$script" > "bin/$program"
    chmod +x "bin/$program"
  done
)

unpack_newer_packages() {
  local name=$1 suites=$2 packages=$3 architectures=$4 proof=$5
  local folder="$TOOLS/$name" spec="$suites $packages" mirror work fresh suite deb
  has_stamp "$name" "$spec" && return 0
  work=$(mktemp -d)
  chmod 755 "$work"
  fresh=$(mktemp -d "$TOOLS/.new-$name-XXXXXX")
  # the mirror of the system's own packages, without the one for security updates
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Created-By: Packages' 2>/dev/null | grep -v security | head -n 1)
  if (
    [ -n "$mirror" ] || exit 1
    for suite in $suites; do
      # shellcheck disable=SC2086  # the packages are words
      newer_packages "$work/$suite" "$mirror" "$suite" "$architectures" $packages || exit 1
      for deb in "$work/$suite/debs"/*.deb; do dpkg -x "$deb" "$fresh" || exit 1; done
    done
    "adapt_${name%%-*}" "$fresh" "$folder" || exit 1
    rm -rf "$folder" && mv "$fresh" "$folder" && cd "$folder" && COMPOSER_ALLOW_SUPERUSER=1 timeout 60 bash -c "$proof"
  ) > "$work/log" 2>&1; then
    echo "$spec" > "$folder/.installed"
    echo "got      $name ($(tail -n 1 "$work/log"))"
  else
    give_up "$name" "$spec" "$work/log"
    rm -rf "$fresh"
  fi
  rm -rf "$work"
}

# install_fetched NAME SPEC FUNCTION…: makes a tool in a new folder, which takes the place of the old one if that went well.
install_fetched() {
  local name=$1 spec=$2; shift 2
  has_stamp "$name" "$spec" && return 0
  local fresh log; fresh=$(mktemp -d "$TOOLS/.new-$name-XXXXXX") log=$(mktemp)
  if ("$@" "$fresh") > "$log" 2>&1; then
    echo "$spec" > "$fresh/.installed"
    rm -rf "$TOOLS/$name" && mv "$fresh" "$TOOLS/$name"
    echo "got      $name ($spec)"
  else
    give_up "$name" "$spec" "$log"
    rm -rf "$fresh"
  fi
  rm -f "$log"
}

maven_archive() {
  local artifact=$1 folder=$2
  twice 300 mvn -B -q -ntp "$MAVEN_DEPENDENCY_PLUGIN:copy" "-Dartifact=$artifact" "-DoutputDirectory=$folder/archive" || return 1
  tar -xzf "$folder"/archive/*.tar.gz -C "$folder" --strip-components=1 && rm -r "$folder/archive" \
    && timeout 60 "$folder/bin/mvn" --version
}

jar_tool() {
  local group artifact version folder=$2
  IFS=: read -r group artifact version <<< "$1"
  cat > "$folder/pom.xml" <<POM
<project><modelVersion>4.0.0</modelVersion><groupId>com.example</groupId><artifactId>tool</artifactId><version>1</version>
<dependencies><dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$version</version></dependency></dependencies></project>
POM
  twice 400 mvn -B -q -ntp -f "$folder/pom.xml" "$MAVEN_DEPENDENCY_PLUGIN:copy-dependencies" -DoutputDirectory="$folder/lib"
}

# A local repository with all plugins that the tests use; the tests take it as their central repository.
warm_maven() {
  local source=$1 folder=$2 maven
  cp -r "$source" "$folder/project"
  twice 400 mvn -B -q -ntp -f "$folder/project/plain/pom.xml" "-Dmaven.repo.local=$folder/repository" \
    "-DaltDeploymentRepository=warm::default::file://$folder/deployed" deploy || return 1
  for maven in mvn "$TOOLS"/maven-3.9/bin/mvn "$TOOLS"/maven-3.10/bin/mvn "$TOOLS"/maven-4/bin/mvn; do
    twice 400 "$maven" -B -q -ntp -f "$folder/project/pom.xml" "-Dmaven.repo.local=$folder/repository" \
      "-DaltDeploymentRepository=warm::file://$folder/deployed" clean deploy || return 1
    find "$folder/project" -name target -prune -exec rm -r {} +
    rm -r "$folder/deployed" "$folder/repository/com/example"
  done
}

# What sbt starts from and compiles with: the tests give it these folders.
warm_sbt() {
  local folder=$1
  mkdir -p "$folder/project/project"
  echo "sbt.version=$SBT_VERSION" > "$folder/project/project/build.properties"
  printf '%s\n' 'sbtPlugin := true' "scalaVersion := \"$SBT_SCALA\"" 'organization := "com.example"' > "$folder/project/build.sbt"
  mkdir -p "$folder/project/src/main/scala"
  echo 'object Warm' > "$folder/project/src/main/scala/Warm.scala"
  (cd "$folder/project" && COURSIER_CACHE="$folder/coursier" twice 600 java "-Dsbt.boot.directory=$folder/boot" \
    "-Dsbt.global.base=$folder/global" "-Dsbt.ivy.home=$folder/ivy" -Dsbt.color=false -Dsbt.server.autostart=false \
    -jar "$TOOLS/sbt/lib/sbt-launch-$SBT_VERSION.jar" package makePom) || return 1
  rm -rf "$folder/project"
}

# Whether the system has this program. Debian keeps the servers of PostgreSQL off PATH.
has_program() {
  command -v "$1" > /dev/null || compgen -G "/usr/lib/postgresql/*/bin/$1" > /dev/null
}

# Runs a command. Packages that it installs start no service meanwhile: the tests start servers of their own.
without_services() {
  local policy=/usr/sbin/policy-rc.d code=0
  [ -e "$policy" ] && { "$@"; return; }
  printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod 755 "$policy"
  "$@" || code=$?
  rm -f "$policy"
  return "$code"
}

# Package lists are fetched, and packages installed, once for all that are missing.
install_debian_tools() {
  local one name needed=() packages=()
  for one in $DEBIAN_TOOLS; do
    name=${one%%=*}
    wanted "$name" "$@" || continue
    if has_program "$name"; then
      echo "have     $name"
    else
      needed+=("$name")
      # the words of the packages
      # shellcheck disable=SC2206
      packages+=(${one##*=})
      packages=(${packages[@]//+/ })
    fi
  done
  [ ${#needed[@]} -eq 0 ] && return 0
  local log; log=$(mktemp)
  if ! command -v apt-get > /dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "needs apt-get and root" > "$log"
  else
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=60)
    twice 180 "${apt[@]}" update > "$log" 2>&1
    # An installation that was ended half-way has to be brought to its end before the next one can begin.
    without_services twice 300 sh -c 'dpkg --configure -a && exec "$@"' - "${apt[@]}" install --yes --no-install-recommends \
      "${packages[@]}" >> "$log" 2>&1
  fi
  for name in "${needed[@]}"; do
    if has_program "$name"; then
      echo "got      $name"
    else
      echo "MISSING  $name (Debian package):"
      tail -n 5 "$log" | sed 's/^/         /'
      missing+=("$name")
    fi
  done
  rm -f "$log"
}

# The lists are on a descriptor of their own, so that no installer can eat them from standard input.
build_go_tools() {
  while IFS='|' read -r name module minutes <&3; do
    [ -n "$name" ] && wanted "$name" "$@" && install_go_tool "$name" "$module" "$minutes"
  done 3<<< "$GO_TOOLS"
  while IFS='|' read -r name module packages minutes <&3; do
    [ -n "$name" ] && wanted "$name" "$@" && install_go_module "$name" "$module" "$packages" "$minutes"
  done 3<<< "$GO_MODULES"
  printf '%s\n' "${missing[@]}" > "$unbuilt"
}

# The Go programs are compiled while everything else is downloaded: those need processors, these the network. Without cgo
# no C is compiled, and a compiler with a larger heap collects garbage less often.
unbuilt=$(mktemp)
CGO_ENABLED=0 GOGC=1000 build_go_tools "$@" &
builds=$!
while IFS='|' read -r name spec proof <&3; do
  [ -n "$name" ] && wanted "$name" "$@" && install_npm_tool "$name" "$spec" "$proof"
done 3<<< "$NPM_TOOLS"
while IFS='|' read -r name packages <&3; do
  [ -n "$name" ] && wanted "$name" "$@" && install_python_tool "$name" "$packages"
done 3<<< "$PYTHON_TOOLS"
wanted cargo "$@" && install_cargo
install_debian_tools "$@"
while IFS='|' read -r name packages <&3; do
  [ -n "$name" ] && wanted "$name" "$@" && unpack_debian_packages "$name" "$packages"
done 3<<< "$UNPACKED_TOOLS"
while IFS='|' read -r name suites packages architectures proof <&3; do
  [ -n "$name" ] && wanted "$name" "$@" && unpack_newer_packages "$name" "$suites" "$packages" "$architectures" "$proof"
done 3<<< "$NEWER_TOOLS"

while IFS='|' read -r name artifact <&3; do
  [ -n "$name" ] && wanted "$name" "$@" && install_fetched "$name" "$artifact" maven_archive "$artifact"
done 3<<< "$MAVEN_ARCHIVES"
while IFS='|' read -r name artifact <&3; do
  [ -n "$name" ] && wanted "$name" "$@" && install_fetched "$name" "$artifact" jar_tool "$artifact"
done 3<<< "$JAR_TOOLS"
# built from a copy, whose content and makers are what the stamp says
warm=$(cd "$(dirname "$0")/maven-warm" && pwd)
made_by=$(find "$warm" -type f -print0 | sort -z | xargs -0 cat | cat - <(echo "$MAVEN_ARCHIVES") | sha256sum | cut -c 1-16)
wanted maven-warm "$@" && install_fetched maven-warm "$made_by" warm_maven "$warm"
wanted sbt-warm "$@" && install_fetched sbt-warm "$SBT_VERSION $SBT_SCALA" warm_sbt

wait "$builds"
while read -r name; do
  [ -n "$name" ] && missing+=("$name")
done < "$unbuilt"
rm -f "$unbuilt"
if [ ${#missing[@]} -gt 0 ]; then
  echo "not installed: ${missing[*]}"
  exit 1
fi
