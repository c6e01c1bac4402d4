package com.example;

import org.apache.maven.plugin.AbstractMojo;
import org.apache.maven.plugins.annotations.Mojo;

@Mojo(name = "say", requiresProject = false)
public class SayMojo extends AbstractMojo {
  public void execute() {
    getLog().info("said by the plugin");
  }
}
